#include "data/s3.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <stdexcept>
#include <utility>
#include <variant>

#include "base/files.h"
#include "data/ascii.h"
#include "data/secret_file.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Profile = std::map<std::string, std::string>;

constexpr std::array kKeys = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};
constexpr size_t kMostConfigBytes = 1 << 20;
constexpr size_t kMostTokenBytes = 16'384;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// The first of `names` that the environment has.
template <class... Names>
std::string first_of(Names... names) {
  std::string value;
  for (const char* name : {names...}) {
    if (value.empty()) value = environment(name);
  }
  return value;
}

/// The file of `variable`, else `name` in ~/.aws; empty where there is none.
std::string file_of(const char* variable, const char* name) {
  const std::string named = environment(variable), home = environment("HOME");
  const fs::path file = named.empty() ? fs::path(home) / ".aws" / name : fs::path(named);
  std::error_code unreadable;
  if (fs::exists(file, unreadable) && !(named.empty() && home.empty())) return file.string();
  if (!named.empty()) throw std::invalid_argument(fmt::format("{} is {}, which cannot be found", variable, named));
  return {};
}

/// The lines "name = value" under [section]; what is indented belongs to the line above, and is of no use here.
Profile section_of(std::string_view text, std::string_view section) {
  Profile found;
  bool is_inside = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || kBlanks.find(line.front()) != std::string_view::npos) continue;
    if (line.front() == '[') {
      is_inside = trimmed(line.substr(1, std::min(line.find(']'), line.size()) - 1)) == section;
      if (is_inside) found.emplace("", "");
    } else if (const size_t equals = line.find('='); is_inside && equals != std::string_view::npos) {
      found[lower_case(trimmed(line.substr(0, equals)))] = trimmed(line.substr(equals + 1));
    }
  }
  return found;
}

/// Logs in by a way of its own?
bool needs_a_login(const Profile& profile) {
  constexpr std::array kWays = {"sso_session", "sso_start_url", "role_arn", "credential_process"};
  return std::any_of(kWays.begin(), kWays.end(), [&](const char* way) { return profile.contains(way); });
}

std::string read_config(const std::string& file) try {
  return read_file(file, kMostConfigBytes);
} catch (const std::runtime_error& error) {
  throw std::invalid_argument(error.what());
}

/// Of both files; that of the credentials counts more, and is read only where it has to be.
Profile read_profile(bool with_keys) {
  const std::string named = first_of("AWS_PROFILE", "AWS_DEFAULT_PROFILE"), name = named.empty() ? "default" : named;
  Profile profile;
  if (const std::string file = with_keys ? file_of("AWS_SHARED_CREDENTIALS_FILE", "credentials") : ""; !file.empty())
    profile = section_of(read_secret(file), name);
  if (const std::string file = file_of("AWS_CONFIG_FILE", "config"); !file.empty()) {
    Profile more = section_of(read_config(file), name == "default" ? name : "profile " + name);
    for (const char* key : kKeys) more.erase(key);  // everybody may read this file
    profile.merge(more);
  }
  if (!with_keys || profile.contains(kKeys.front())) return profile;
  if (profile.empty() && !named.empty())
    throw std::invalid_argument(fmt::format("AWS_PROFILE is {}, which is in neither of AWS's two files", named));
  if (needs_a_login(profile))
    throw std::invalid_argument(
        fmt::format("AWS's profile {} has no keys but a way to get some; take them from it first: "
                    "eval \"$(aws configure export-credentials --profile {} --format env)\"",
                    name, name));
  return profile;
}

/// Of keys and tokens, which go into headers as they are.
bool is_printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter > ' ' && letter <= '~'; });
}

std::string field(const Profile& profile, const char* name) {
  const auto found = profile.find(name);
  return found == profile.end() ? "" : found->second;
}

S3Access take_keys(const Profile& profile, bool from_environment) {
  S3Access access;
  if (from_environment) {
    access.key_id = environment("AWS_ACCESS_KEY_ID");
    access.secret = environment("AWS_SECRET_ACCESS_KEY");
    access.token = environment("AWS_SESSION_TOKEN");
  } else {
    access.key_id = field(profile, kKeys[0]);
    access.secret = field(profile, kKeys[1]);
    access.token = field(profile, kKeys[2]);
  }
  if (access.key_id.empty() != access.secret.empty())
    throw std::invalid_argument("S3 needs both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither");
  if (access.is_anonymous()) access.token.clear();
  if (!is_printable(access.key_id) || access.key_id.find('/') != std::string::npos || !is_printable(access.secret) ||
      !is_printable(access.token) || access.token.size() > kMostTokenBytes)
    throw std::invalid_argument(
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN has a letter that none has");
  return access;
}

bool is_region(std::string_view text) {
  constexpr size_t kLongest = 40;
  return !text.empty() && text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](char letter) {
    return is_alphanumeric(letter) || letter == '-' || letter == '_';
  });
}

/// Every byte but those that no encoder touches (RFC 3986, section 2.3) and the slash: what is signed is what is sent.
std::string encoded(std::string_view key) {
  std::string path;
  for (const char letter : key) {
    if (is_alphanumeric(letter) || std::string_view("-._~/").find(letter) != std::string_view::npos) {
      path += letter;
    } else {
      path += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return path;
}

/// Whether a bucket's name can be a label in front of Amazon's certificate: no dots, nothing but lower case.
bool is_label(std::string_view bucket) {
  return std::all_of(bucket.begin(), bucket.end(), [](unsigned char letter) {
    return std::islower(letter) || std::isdigit(letter) || letter == '-';
  });
}

/// The code of an error's page; empty where there is none.
std::string_view code_of(std::string_view page) {
  constexpr std::string_view kBegin = "<Code>", kEnd = "</Code>";
  constexpr size_t kLongest = 64;
  const size_t begin = page.find(kBegin), end = page.find(kEnd, begin == std::string_view::npos ? page.size() : begin);
  if (end == std::string_view::npos) return {};
  const std::string_view code = page.substr(begin + kBegin.size(), end - begin - kBegin.size());
  const bool is_code = code.size() <= kLongest && std::all_of(code.begin(), code.end(), is_alphanumeric);
  return is_code ? code : std::string_view();
}

}  // namespace

S3::S3() {
  const bool has_keys = !first_of("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY").empty();
  const Profile profile = read_profile(!has_keys);
  auto access = std::make_shared<S3Access>(take_keys(profile, has_keys));
  access->region = first_of("AWS_REGION", "AWS_DEFAULT_REGION");
  if (access->region.empty()) access->region = field(profile, "region");
  if (access->region.empty()) access->region = "us-east-1";
  if (!is_region(access->region)) throw std::invalid_argument("AWS_REGION is no region, such as eu-central-1");
  access_ = std::move(access);

  endpoint_ = first_of("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  if (endpoint_.empty()) endpoint_ = field(profile, "endpoint_url");
  if (endpoint_.empty()) return;
  const auto parsed = parse_url(endpoint_);
  const Url* url = std::get_if<Url>(&parsed);
  if (url == nullptr || url->local || url->in_bucket || url->range ||
      endpoint_.find_first_of("?#") != std::string::npos)
    throw std::invalid_argument(
        "AWS_ENDPOINT_URL is no http:// or https:// url of a server, such as http://minio:9000");
  host_ = url->host;
  secure_ = url->secure;
  endpoint_ = url->target.substr(0, url->target.find_last_not_of('/') + 1);
}

Url S3::locate(const Url& object) const {
  const size_t begin = kS3Scheme.size(), slash = object.target.find('/', begin);
  const std::string bucket = object.target.substr(begin, slash - begin), key = encoded(object.target.substr(slash + 1));
  Url url{.local = false, .target = {}, .host = host_, .secure = secure_, .range = object.range, .s3 = access_};
  if (!endpoint_.empty()) {
    url.target = fmt::format("{}/{}/{}", endpoint_, bucket, key);
    return url;
  }
  const char* const china = access_->region.starts_with("cn-") ? ".cn" : "";
  const std::string amazon = fmt::format("s3.{}.amazonaws.com{}", lower_case(access_->region), china);
  const std::string host = is_label(bucket) ? bucket + "." + amazon : amazon;
  url.host = host + ":443";
  url.target =
      is_label(bucket) ? fmt::format("https://{}/{}", host, key) : fmt::format("https://{}/{}/{}", host, bucket, key);
  return url;
}

/// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html has the codes.
S3Refusal read_refusal(const S3Access& access, std::string_view page, const std::string& region) {
  constexpr std::string_view kEnded = "the session has ended; get new keys and a new AWS_SESSION_TOKEN and start again";
  constexpr std::string_view kUnknown = "nobody has this AWS_ACCESS_KEY_ID there; set it, or the endpoint, anew";
  const std::map<std::string_view, std::string_view> kOfAsker = {
      {"SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID; set both anew"},
      {"InvalidAccessKeyId", kUnknown},
      {"InvalidSecurity", kUnknown},
      {"ExpiredToken", kEnded},
      {"TokenRefreshRequired", kEnded},
      {"InvalidToken", "AWS_SESSION_TOKEN is not of these keys; set all three anew, or take it away"},
      {"RequestTimeTooSkewed", "this machine's clock is wrong; set it"}};
  const std::map<std::string_view, std::string_view> kOfObject = {
      {"AuthorizationHeaderMalformed", "most likely another region's; set AWS_REGION"},
      {"AccessDenied", access.is_anonymous()
                           ? "it is not public, and there are no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                           : "these keys may not read it, or there is no such object"}};
  const std::string_view code = code_of(page);
  if (const auto advice = kOfAsker.find(code); advice != kOfAsker.end())
    return {.advice = fmt::format(", {}: {}", code, advice->second), .is_of_asker = true};
  if (is_region(region) && region != access.region)
    return {.advice = fmt::format(": the bucket is in {}; set AWS_REGION={}", region, region)};
  if (code.empty()) return {};
  const auto advice = kOfObject.find(code);
  return {.advice =
              advice == kOfObject.end() ? fmt::format(", {}", code) : fmt::format(", {}: {}", code, advice->second)};
}

}  // namespace atelier
