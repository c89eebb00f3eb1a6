#pragma once

#include <map>
#include <string>
#include <vector>

#include "data/url.h"

namespace atelier {

/// Headers that certain servers get, and nobody else, from files of the user's. Settings, logs and ledgers know the
/// files' names only.
///
/// A headers file has a section for each server, named as in a URL, and a header on each line; `${NAME}` stands for the
/// environment's NAME, so that the secret itself need not be in the file:
///
///     # who we are to the picture agency
///     [https://images.example.org]
///     Authorization: Bearer ${AGENCY_TOKEN}
///     [http://10.0.0.7:9000]
///     X-Api-Key: abc
///
/// Scheme, host and port must all be those of the request: what is meant for https is never sent over http. A section
/// without a scheme means https. A netrc file (machine, login, password) gives `Authorization: Basic` to a host by
/// https, on any port, unless a section names it; its `default` and its macros are left out.
class Credentials {
 public:
  Credentials() = default;
  /// Reads both files; an empty name is none. Throws std::invalid_argument, with the line but never its text, when a
  /// file cannot be read, is open to everybody on this machine, or is not of its form.
  Credentials(const std::string& headers_file, const std::string& netrc_file);

  using Lines = std::vector<std::string>;
  /// What a request to `url` carries: "Name: value" each.
  const Lines& headers_for(const Url& url) const;

 private:
  void read_headers(const std::string& file);
  void read_netrc(const std::string& file);

  std::map<std::string, Lines> by_origin_;  ///< "https://images.example.org:443"
  std::map<std::string, Lines> by_name_;    ///< "images.example.org", for https alone
};

}  // namespace atelier
