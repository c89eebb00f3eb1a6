#include "tests/support/sigv4.h"

#include <cstdlib>
#include <map>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sstream>

namespace atelier::test {
namespace {

std::string hmac(const std::string& key, const std::string& text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), out, &size);
  return {reinterpret_cast<const char*>(out), size};
}

std::string sha256(const std::string& text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), out, &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(out), size};
}

std::string hex(const std::string& bytes, const char* digits = "0123456789abcdef") {
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string percent_decoded(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      bytes += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

/// UriEncode() of the description: all but A-Z a-z 0-9 - . _ ~ as %XY in upper case; "/" stays in names of objects.
std::string uri_encode(const std::string& bytes, bool encode_slash) {
  std::string text;
  for (const char byte : bytes) {
    const bool plain = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
                       byte == '-' || byte == '.' || byte == '_' || byte == '~' || (byte == '/' && !encode_slash);
    if (!plain) text += '%';
    text += plain ? std::string(1, byte) : hex(std::string(1, byte), "0123456789ABCDEF");
  }
  return text;
}

std::string canonical_query(const std::string& target) {
  const size_t mark = target.find('?');
  if (mark == std::string::npos) return "";
  std::map<std::string, std::string> sorted;
  std::istringstream pairs(target.substr(mark + 1));
  for (std::string pair; std::getline(pairs, pair, '&');) {
    const size_t equals = std::min(pair.find('='), pair.size());
    sorted[uri_encode(percent_decoded(pair.substr(0, equals)), true)] =
        uri_encode(percent_decoded(pair.substr(std::min(equals + 1, pair.size()))), true);
  }
  std::string query;
  for (const auto& [name, value] : sorted) query += (query.empty() ? "" : "&") + name + "=" + value;
  return query;
}

std::string after(const std::string& text, const std::string& name) {
  const size_t begin = text.find(name);
  if (begin == std::string::npos) return "";
  return text.substr(begin + name.size(), text.find_first_of(", ", begin) - begin - name.size());
}

std::string header(const HttpRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

}  // namespace

std::string decoded_path(const std::string& target) { return percent_decoded(target.substr(0, target.find('?'))); }

std::string verify_sigv4(const HttpRequest& request, const S3User& user, std::time_t now) {
  const std::string given = header(request, "authorization"), date = header(request, "x-amz-date");
  if (given.empty()) return "AccessDenied";
  if (!given.starts_with("AWS4-HMAC-SHA256 ") || date.size() != 16) return "AuthorizationHeaderMalformed";
  const std::string day = date.substr(0, 8), scope = day + "/" + user.region + "/s3/aws4_request";
  const std::string credential = after(given, "Credential="), names = after(given, "SignedHeaders=");
  if (credential.substr(0, credential.find('/')) != user.key_id) return "InvalidAccessKeyId";
  if (credential != user.key_id + "/" + scope) return "AuthorizationHeaderMalformed";

  std::tm time{};
  if (::strptime(date.c_str(), "%Y%m%dT%H%M%SZ", &time) == nullptr) return "AuthorizationHeaderMalformed";
  if (std::abs(std::difftime(::timegm(&time), now)) > 900) return "RequestTimeTooSkewed";

  // "You must include the host header and any x-amz-* headers in the request."
  for (const auto& [name, value] : request.headers) {
    const bool must = name == "host" || name.starts_with("x-amz-");
    if (must && (";" + names + ";").find(";" + name + ";") == std::string::npos) return "AccessDenied";
  }
  if (header(request, "x-amz-content-sha256") != hex(sha256(""))) return "MissingSecurityHeader";
  if (header(request, "x-amz-security-token") != user.token) return "InvalidToken";

  std::string headers;
  std::istringstream signed_names(names);
  for (std::string name; std::getline(signed_names, name, ';');) headers += name + ":" + header(request, name) + "\n";
  const std::string canonical = request.method + "\n" + uri_encode(decoded_path(request.path), false) + "\n" +
                                canonical_query(request.path) + "\n" + headers + "\n" + names + "\n" +
                                header(request, "x-amz-content-sha256");
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hex(sha256(canonical));
  const std::string key = hmac(hmac(hmac(hmac("AWS4" + user.secret, day), user.region), "s3"), "aws4_request");
  return hex(hmac(key, to_sign)) == after(given, "Signature=") ? "" : "SignatureDoesNotMatch";
}

}  // namespace atelier::test
