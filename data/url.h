#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "data/byte_range.h"
#include "data/failure.h"

namespace atelier {

struct S3Access;

/// What an entry's url names: something on a web server, an object in a bucket, or a local file.
struct Url {
  bool local = false;
  std::string target;   ///< the URL with spaces and non-ASCII percent-encoded; of an object and a local file as it is
  std::string host;     ///< "example.org:443": who serves it; "s3://bucket"; empty for a local file
  bool secure = false;  ///< https
  std::optional<ByteRange> range = {};      ///< the part of it that is meant; nothing: all of it
  bool in_bucket = false;                   ///< s3://bucket/key, which S3::locate (s3.h) turns into a web server's url
  std::shared_ptr<const S3Access> s3 = {};  ///< of a url that it made: in whose name it is asked for
};

/// What an object's url begins with.
inline constexpr std::string_view kS3Scheme = "s3://";

/// Whether `url` names its scheme (RFC 3986, section 3.1) and authority, and so is no path.
bool has_scheme(std::string_view url);

/// `url` for logs and ledgers: with *** for a user and a password in it, which parse_url refuses.
std::string without_credentials(const std::string& url);

/// Reads http://, https://, file:// (percent-encoded; no host, or localhost) or, where there is no "://", a path; each
/// may end in `#bytes=FIRST-LAST`, two decimal numbers, for a part of the file. Other fragments of URLs are dropped. In
/// s3://bucket/key the key is taken letter by letter, as S3's own tools do: no %, ?, # or + in it means anything.
/// Credentials are refused: a list is passed around, and what is in it ends in logs. The failure is always kBadUrl.
std::variant<Url, Failure> parse_url(const std::string& text);

}  // namespace atelier
