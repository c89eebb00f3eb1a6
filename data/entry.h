#pragma once

#include <optional>
#include <string>

namespace atelier {

/// One row of a list.
struct Entry {
  std::string url;  ///< http(s)://, s3://, or an absolute path (relative ones are resolved by Manifest)
  std::optional<std::string> label;
  std::string caption;
  std::optional<std::string> condition_url;  ///< the input image of a pair
  std::optional<std::string> sha256;         ///< of the image's bytes, 64 lower-case hexadecimal digits
  std::string group;                         ///< entries that stay on one side of a split; the url when not given
  std::string licence;
  std::string creator;
};

/// Makes empty optional fields absent ones and hexadecimal digits lower case. Throws std::invalid_argument, a clause
/// that says what is wrong and what to do, for a row without a url, a control character in one, or a bad sha256.
void normalize(Entry& entry);

}  // namespace atelier
