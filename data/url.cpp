#include "data/url.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/ascii.h"
#include "data/curl_handle.h"

namespace atelier {
namespace {

Failure bad_url(std::string detail) { return {.fault = Fault::kBadUrl, .detail = std::move(detail)}; }

bool take_number(std::string_view& text, uint64_t& number) {
  constexpr uint64_t kEnd = uint64_t{1} << 62;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return error == std::errc() && number < kEnd;
}

/// "FIRST-LAST", and nothing else.
std::optional<ByteRange> read_range(std::string_view text) {
  ByteRange range;
  if (!take_number(text, range.first) || !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(text, range.last) || !text.empty() || range.first > range.last) return std::nullopt;
  return range;
}

/// Names of buckets become names of hosts. Keys with . or .. for a folder would be another path on the way.
std::variant<Url, Failure> parse_object(const std::string& text) {
  constexpr size_t kMostBucket = 63, kMostKey = 1024;
  const size_t begin = kS3Scheme.size(), slash = std::min(text.find('/', begin), text.size());
  const std::string bucket = text.substr(begin, slash - begin), key = text.substr(std::min(slash + 1, text.size()));
  const auto is_inner = [](char letter) {
    return is_alphanumeric(letter) || std::string_view("-._").find(letter) != std::string_view::npos;
  };
  if (bucket.empty() || bucket.size() > kMostBucket || !std::all_of(bucket.begin(), bucket.end(), is_inner) ||
      !is_alphanumeric(bucket.front()) || !is_alphanumeric(bucket.back()) || bucket.find("..") != std::string::npos)
    return bad_url("no bucket has such a name; it is written s3://bucket/key");
  if (key.empty() || key.size() > kMostKey) return bad_url("an s3:// url has a key of 1 to 1024 bytes");
  for (const char* folder : {"/./", "/../"}) {
    if (("/" + key + "/").find(folder) != std::string::npos) return bad_url("a key with . or .. for a folder");
  }
  return Url{.local = false, .target = text, .host = std::string(kS3Scheme) + bucket, .in_bucket = true};
}

std::variant<Url, Failure> parse_whole(const std::string& text) {
  if (text.empty() || text.find('\0') != std::string::npos) return bad_url("an empty url, or one with a zero byte");
  if (text.find("://") == std::string::npos) return Url{.local = true, .target = text, .host = {}};
  if (text.starts_with(kS3Scheme)) return parse_object(text);

  const CurlUrl url(curl_url());
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_URLENCODE | CURLU_DISALLOW_USER);
  if (code == CURLUE_USER_NOT_ALLOWED) return bad_url("credentials in the url");
  if (code != CURLUE_OK) return bad_url(curl_url_strerror(code));

  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme == "file") {
    const std::string path = part(url.get(), CURLUPART_PATH, CURLU_URLDECODE);
    if (path.empty()) return bad_url("a file:// url with control characters");
    return Url{.local = true, .target = path, .host = {}};
  }
  if (scheme != "http" && scheme != "https") return bad_url("neither http, https, s3 nor file");
  const std::string host = part(url.get(), CURLUPART_HOST) + ":" + part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  return Url{
      .local = false, .target = part(url.get(), CURLUPART_URL), .host = lower_case(host), .secure = scheme == "https"};
}

}  // namespace

bool has_scheme(std::string_view url) {
  const size_t colon = url.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon), [](char letter) {
           return is_alphanumeric(letter) || letter == '+' || letter == '-' || letter == '.';
         });
}

std::string without_credentials(const std::string& url) {
  if (!has_scheme(url)) return url;
  const size_t begin = url.find("://") + 3, end = std::min(url.find_first_of("/?#", begin), url.size());
  const size_t at = url.substr(0, end).rfind('@');
  return at == std::string::npos || at < begin ? url : url.substr(0, begin) + "***" + url.substr(at);
}

std::variant<Url, Failure> parse_url(const std::string& text) {
  constexpr std::string_view kRange = "#bytes=";
  const size_t mark = text.rfind(kRange);
  if (mark == std::string::npos) return parse_whole(text);
  const auto range = read_range(std::string_view(text).substr(mark + kRange.size()));
  if (!range) return bad_url("a part of a file is written #bytes=FIRST-LAST, such as #bytes=0-99");
  auto parsed = parse_whole(text.substr(0, mark));
  if (auto* url = std::get_if<Url>(&parsed)) url->range = range;
  return parsed;
}

}  // namespace atelier
