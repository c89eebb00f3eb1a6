#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "configs/printable.h"
#include "data/ascii.h"
#include "data/s3.h"
#include "data/transfer.h"

// The part of a transfer that reads answers: what they tell, and what is wrong with them.

namespace atelier {
namespace {

constexpr double kMaxRetryAfter = 3'600;  ///< seconds; whoever asks for more is asked again anyway

}  // namespace

curl_off_t Transfer::content_length() const {
  curl_off_t length = -1;
  curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  return length;
}

long Transfer::status() const {
  long code = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
  return code;
}

/// A header of the last answer, fit for a log; empty when there is none.
std::string Transfer::header(const char* name) const {
  curl_header* found = nullptr;
  if (curl_easy_header(easy_.get(), name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) return {};
  return printable(std::string_view(found->value).substr(0, 200));
}

Whole Transfer::whole() const {
  const std::string range = header("Content-Range");
  const char* total = range.data() + std::min(range.size(), range.find('/') + 1);
  Whole whole{.bytes = 0, .version = header("ETag") + " " + header("Last-Modified")};
  if (whole.version == " ") whole.version.clear();
  std::from_chars(total, range.data() + range.size(), whole.bytes);  // '*': it does not say
  return whole;
}

/// Of the thing itself, where only its first bytes were asked for: the number behind the slash of a 206's
/// Content-Range, else Content-Length, else what came if that was all.
int64_t Transfer::whole_length() const {
  if (status() == 206) {
    const std::string range = header("Content-Range");
    const size_t slash = range.find('/');
    if (slash == std::string::npos || slash + 1 == range.size() || range[slash + 1] == '*') return -1;
    return std::max(-1LL, std::strtoll(range.c_str() + slash + 1, nullptr, 10));
  }
  if (status() != 200) return -1;
  if (promised_ > 0) return static_cast<int64_t>(std::min<uint64_t>(promised_, std::numeric_limits<int64_t>::max()));
  if (content_length() >= 0) return content_length();
  return head_ || cut_ == Cut::kLooked ? -1 : static_cast<int64_t>(body_.size());
}

Told Transfer::told() const {
  std::string type = header("Content-Type");
  type.resize(std::min({type.find(';'), type.find(' '), type.size()}));
  curl_off_t microseconds = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_TOTAL_TIME_T, &microseconds);
  return {.bytes = job_.url.range ? static_cast<int64_t>(job_.url.range->size()) : whole_length(),
          .type = lower_case(type),
          .seconds = static_cast<double>(microseconds) / 1e6,
          .by_get = !head_};
}

/// What is wrong, if anything. A status that is final says more than how its page of excuses ended.
std::optional<Failure> Transfer::judge(CURLcode result) {
  const long code = status();
  if (head_ && code >= 400) {
    constexpr std::array kSettled = {404L, 410L, 408L, 425L, 429L, 502L, 503L, 504L};
    if (std::find(kSettled.begin(), kSettled.end(), code) == kSettled.end()) return std::nullopt;
  }
  if (code >= 400) return status_failure();
  if (opted_out_ && is_good(code)) return Failure{Fault::kOptOut, "X-Robots-Tag asks not to use it"};
  if (auto failure = judge_part()) return failure;
  if (result != CURLE_OK && cut_ != Cut::kLooked) return transport_failure(result);
  if (!head_ && !is_good(code)) return status_failure();
  if (!head_ && job_.url.range && body_.size() != most_bytes())
    return Failure{Fault::kConnection, fmt::format("{} of {} bytes came", body_.size(), most_bytes()), true};
  const bool is_first_part = code == 206 && !job_.url.range;
  if (is_first_part && whole_length() > static_cast<int64_t>(limits_.max_bytes))
    return Failure{Fault::kTooLargeByHead, fmt::format("{} bytes are over {}", whole_length(), limits_.max_bytes)};
  return std::nullopt;
}

bool Transfer::is_good(long code) const {
  if (!head_ && job_.url.range) return code == 206;
  return code == 200 || (code == 206 && !head_ && limits_.look > 0);
}

/// Where a part was asked for: what the head of the answer, before any body, tells to be wrong.
std::optional<Failure> Transfer::judge_part() const {
  if (head_ || !job_.url.range) return std::nullopt;
  const auto refusal = [&](std::string detail) {
    return Failure{.fault = Fault::kHttpStatus, .detail = std::move(detail), .status = static_cast<int>(status())};
  };
  if (status() == 200) return refusal("HTTP 200 to GET: the server ignores byte ranges");
  if (status() != 206) return std::nullopt;
  const std::string answered = header("Content-Range");
  if (!answered.starts_with(fmt::format("bytes {}/", part()->text())))
    return refusal(fmt::format("asked for bytes {}, the answer's Content-Range is \"{}\"", part()->text(), answered));
  const curl_off_t length = content_length();
  if (length >= 0 && static_cast<uint64_t>(length) != most_bytes())
    return refusal(fmt::format("asked for {} bytes, the answer's Content-Length is {}", most_bytes(), length));
  return std::nullopt;
}

/// Of S3 alone.
S3Refusal Transfer::refusal() const {
  if (!where_.s3 || status() < 300) return {};
  return read_refusal(*where_.s3, page_, header("x-amz-bucket-region"));
}

/// What ends the run, if anything: S3 would refuse every other object, too.
std::exception_ptr Transfer::judge_asker() const {
  const S3Refusal refused = refusal();
  if (!refused.is_of_asker) return nullptr;
  return std::make_exception_ptr(std::invalid_argument(
      fmt::format("{} answers HTTP {} to {}{}", where_.host, status(), method(), refused.advice)));
}

Failure Transfer::status_failure() const {
  const long code = status();
  curl_off_t wait = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &wait);
  return {.fault = Fault::kHttpStatus,
          .detail = fmt::format("HTTP {} to {}{}", code, method(), refusal().advice),
          .transient = code == 408 || code == 421 || code == 425 || code == 429 || code >= 500,
          .retry_after = std::clamp(static_cast<double>(wait), 0.0, kMaxRetryAfter),
          .status = static_cast<int>(code)};
}

/// The details name no times and no ports, so that the same failure has the same line in two runs' ledgers.
Failure Transfer::transport_failure(CURLcode result) {
  if (cut_ != Cut::kNone) return cut_failure();
  const std::string what = curl_easy_strerror(result);
  long tunnel = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_HTTP_CONNECTCODE, &tunnel);
  if (tunnel >= 300)
    return {Fault::kConnection, fmt::format("the proxy answered HTTP {} to CONNECT", tunnel), tunnel >= 500};
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {Fault::kDns, what, true};
    case CURLE_COULDNT_CONNECT:
      if (!socket_opened_ && !refused_address_.empty())
        return {Fault::kRefusedAddress, refused_address_ + " is not public; data.allow_private would allow it"};
      return {Fault::kConnect, what, true};
    case CURLE_OPERATION_TIMEDOUT:
      return timeout_failure();
    case CURLE_FILESIZE_EXCEEDED: {
      const std::string length = header("Content-Length");
      promised_ = std::strtoull(length.c_str(), nullptr, 10);
      return {Fault::kTooLargeByHead, fmt::format("Content-Length {} is over {}", length, limits_.max_bytes)};
    }
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Fault::kConnection, "the answer is not HTTP", true};
    case CURLE_OUT_OF_MEMORY:  // so says libcurl of a header line over its own bound, too
      return {Fault::kConnection, "a header line without end, or no memory", true};
    case CURLE_SSL_CONNECT_ERROR:
      return {Fault::kTls, printable(error_.data()), true};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {Fault::kTls, printable(error_.data())};
    default:
      return {Fault::kConnection, what, true};
  }
}

/// How far it got. Whether the request was sent is asked first: on a connection that was kept alive nobody looks up or
/// connects. Behind an unplugged cable or a firewall that drops packets every lookup and every connection ends here:
/// those are faults that tell an outage. Who has not even looked the host up waited to share another's connection.
/// (CURLINFO_CONNECT_TIME_T would not do: libcurl 7.88 sets it after TLS.)
Failure Transfer::timeout_failure() const {
  if (late_ == Pace::Late::kSilent)
    return {Fault::kTimeout, fmt::format("no first byte to {} in {} s", method(), limits_.first_byte_timeout), true};
  if (late_ == Pace::Late::kSlow)
    return {Fault::kTimeout,
            fmt::format("{} came at under {} bytes/s for {} s", method(), HttpLimits::kSlowest, limits_.slow_window),
            true};
  const double limit = head_ ? limits_.head_timeout : limits_.get_timeout;
  curl_off_t sent = 0, looked_up = 0;  // microseconds, 0: never
  curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &sent);
  curl_easy_getinfo(easy_.get(), CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  long connected = 0;  // by TCP, whatever became of TLS
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connected);

  if (sent > 0) return {Fault::kTimeout, fmt::format("{} took over {} s", method(), limit), true};
  const double waited = std::min(limit, limits_.connect_timeout);
  if (looked_up == 0 && looking_up_) return {Fault::kDns, fmt::format("no address in {} s", waited), true};
  return {connected > 0 ? Fault::kTimeout : Fault::kConnect, fmt::format("no connection in {} s", waited), true};
}

Failure Transfer::cut_failure() const {
  if (cut_ == Cut::kHeaders)
    return {Fault::kConnection, fmt::format("more than {} bytes of headers", HttpLimits::kMaxHeaderBytes)};
  return {Fault::kTooLargeInBody, fmt::format("more than {} bytes came", most_bytes())};
}

}  // namespace atelier
