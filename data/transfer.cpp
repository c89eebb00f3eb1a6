#include "data/transfer.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "data/address.h"
#include "data/opt_out.h"

namespace atelier {
namespace {

constexpr long kReceiveBuffer = 131'072;  ///< bytes; fewer turns of the loop than with libcurl's 16 KiB
constexpr double kMaxRetryAfter = 3'600;  ///< seconds; whoever asks for more is asked again anyway
constexpr long kNoAuthentication = CURLAUTH_NONE;

template <class T>
void set(const CurlEasy& easy, CURLoption option, T value) {
  if (const CURLcode code = curl_easy_setopt(easy.get(), option, value); code != CURLE_OK)
    throw std::runtime_error(fmt::format("libcurl refuses option {}: {}; Atelier needs libcurl 7.87 or newer with TLS",
                                         static_cast<int>(option), curl_easy_strerror(code)));
}

long milliseconds(double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); }

/// Text that may come from a server, fit for a log: printable ASCII only.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

Transfer::Transfer(const HttpLimits& limits) : limits_(limits), easy_(curl_easy_init()) {
  if (!easy_) throw std::runtime_error("libcurl cannot make a handle: out of memory");
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_ERRORBUFFER, error_.data());
  set(easy_, CURLOPT_USERAGENT, limits.user_agent.empty() ? "atelier/" ATELIER_VERSION : limits.user_agent.c_str());

  // Where to: http and https alone, public addresses, no proxy and no credentials from anywhere.
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 1L);
  set(easy_, CURLOPT_MAXREDIRS, static_cast<long>(HttpLimits::kMaxRedirects));
  set(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy_, CURLOPT_HTTPAUTH, kNoAuthentication);
  set(easy_, CURLOPT_PROXY, "");
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, this);

  // How much.
  set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::take_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::take_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set(easy_, CURLOPT_XFERINFOFUNCTION, &Transfer::watch_progress);
  set(easy_, CURLOPT_XFERINFODATA, this);
  set(easy_, CURLOPT_NOPROGRESS, 0L);
  set(easy_, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits_.max_bytes));
  set(easy_, CURLOPT_BUFFERSIZE, kReceiveBuffer);

  // How long. QUICK_EXIT: giving up does not wait for the system's resolver, which may hang for its own minute.
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits_.connect_timeout));
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_QUICK_EXIT, 1L);
}

void Transfer::begin(Job job, bool ask_head) {
  job_ = std::move(job);
  told_length_ = false;
  promised_ = 0;
  set(easy_, CURLOPT_URL, job_.url.target.c_str());
  prepare(ask_head);
}

void Transfer::prepare(bool head, bool fresh_connection) {
  head_ = head;
  fresh_connection_ = fresh_connection;
  cut_ = Cut::kNone;
  header_bytes_ = 0;
  opted_out_ = false;
  socket_opened_ = false;
  refused_address_.clear();
  body_ = {};
  discarded_ = 0;
  error_.front() = '\0';
  set(easy_, head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
  set(easy_, CURLOPT_FRESH_CONNECT, fresh_connection ? 1L : 0L);
  set(easy_, CURLOPT_TIMEOUT_MS, milliseconds(head ? limits_.head_timeout : limits_.get_timeout));
}

std::optional<Answer> Transfer::end(CURLcode result) {
  if (answered_by_leftovers(result)) {
    prepare(head_, true);
    return std::nullopt;
  }
  if (const auto failure = judge(result)) return Answer{job_.request.ticket, *failure};
  if (!head_) {
    told_length_ = content_length() == static_cast<curl_off_t>(body_.size());
    return Answer{job_.request.ticket, std::exchange(body_, {})};
  }
  prepare(false);
  return std::nullopt;
}

/// A server that answers HEAD with a body, or sends more than it announced, leaves bytes on a connection that is kept
/// alive; whoever uses it next sees no HTTP. That one asks again, once, on a connection of its own.
bool Transfer::answered_by_leftovers(CURLcode result) const {
  if (fresh_connection_ || (result != CURLE_UNSUPPORTED_PROTOCOL && result != CURLE_WEIRD_SERVER_REPLY)) return false;
  long opened = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &opened);
  return opened == 0;
}

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

/// What is wrong, if anything. A status that is final says more than how its page of excuses ended.
std::optional<Failure> Transfer::judge(CURLcode result) {
  const long code = status();
  if (head_ && code >= 400) {
    constexpr std::array kSettled = {404L, 410L, 408L, 425L, 429L, 502L, 503L, 504L};
    if (std::find(kSettled.begin(), kSettled.end(), code) == kSettled.end()) return std::nullopt;
  }
  if (code >= 400) return status_failure();
  if (opted_out_ && code == 200) return Failure{Fault::kOptOut, "X-Robots-Tag asks not to use it"};
  if (result != CURLE_OK) return transport_failure(result);
  if (!head_ && code != 200) return status_failure();
  return std::nullopt;
}

Failure Transfer::status_failure() const {
  const long code = status();
  curl_off_t wait = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &wait);
  return {.fault = Fault::kHttpStatus,
          .detail = fmt::format("HTTP {} to {}", code, method()),
          .transient = code == 408 || code == 425 || code == 429 || code >= 500,
          .retry_after = std::clamp(static_cast<double>(wait), 0.0, kMaxRetryAfter),
          .status = static_cast<int>(code)};
}

/// The details name no times and no ports, so that the same failure has the same line in two runs' ledgers.
Failure Transfer::transport_failure(CURLcode result) {
  if (cut_ != Cut::kNone) return cut_failure();
  const std::string what = curl_easy_strerror(result);
  const bool redirected = status() / 100 == 3;
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Fault::kDns, what, true};
    case CURLE_COULDNT_CONNECT:
      if (!socket_opened_ && !refused_address_.empty())
        return {Fault::kRefusedAddress, refused_address_ + " is not public; data.allow_private would allow it"};
      return {Fault::kConnect, what, true};
    case CURLE_OPERATION_TIMEDOUT:
      return timeout_failure();
    case CURLE_FILESIZE_EXCEEDED: {
      curl_header* length = nullptr;
      curl_easy_header(easy_.get(), "Content-Length", 0, CURLH_HEADER, -1, &length);
      if (length != nullptr) promised_ = std::strtoull(length->value, nullptr, 10);
      return {Fault::kTooLargeByHead,
              fmt::format("Content-Length {} is over {}", length != nullptr ? printable(length->value) : "",
                          limits_.max_bytes)};
    }
    case CURLE_TOO_MANY_REDIRECTS:
      return {Fault::kRedirects, fmt::format("more than {} redirects", HttpLimits::kMaxRedirects)};
    case CURLE_UNSUPPORTED_PROTOCOL:
      if (redirected) return {Fault::kRedirects, "redirected to neither http nor https"};
      return {Fault::kConnection, "the answer is not HTTP", true};
    case CURLE_URL_MALFORMAT:
      return {Fault::kRedirects, "redirected to a malformed url"};
    case CURLE_LOGIN_DENIED:
      return {Fault::kRedirects, "redirected to a url with credentials"};
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
/// those are faults that tell an outage. (CURLINFO_CONNECT_TIME_T would not do: libcurl 7.88 sets it after TLS.)
Failure Transfer::timeout_failure() const {
  const double limit = head_ ? limits_.head_timeout : limits_.get_timeout;
  curl_off_t sent = 0, looked_up = 0;  // microseconds, 0: never
  curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &sent);
  curl_easy_getinfo(easy_.get(), CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  long connected = 0;  // by TCP, whatever became of TLS
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &connected);

  if (sent > 0) return {Fault::kTimeout, fmt::format("{} took over {} s", method(), limit), true};
  const double waited = std::min(limit, limits_.connect_timeout);
  if (looked_up == 0) return {Fault::kDns, fmt::format("no address in {} s", waited), true};
  return {connected > 0 ? Fault::kTimeout : Fault::kConnect, fmt::format("no connection in {} s", waited), true};
}

Failure Transfer::cut_failure() const {
  if (cut_ == Cut::kHeaders)
    return {Fault::kConnection, fmt::format("more than {} bytes of headers", HttpLimits::kMaxHeaderBytes)};
  return {Fault::kTooLargeInBody, fmt::format("more than {} bytes came", limits_.max_bytes)};
}

/// Judges the very address that is about to be connected to: after DNS, after every redirect, for each of a host's
/// addresses. A refused one fails like one that nobody answers, so libcurl tries the host's next.
curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (!transfer.limits_.may_connect(address->addr, address->addrlen)) {
    transfer.refused_address_ = address_text(address->addr, address->addrlen);
    return CURL_SOCKET_BAD;
  }
  transfer.socket_opened_ = true;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Counts over all answers of the transfer, so that neither redirects nor an endless row of "100 Continue" gets past
/// the bound. Each answer may send the transfer to another address, which is judged anew.
size_t Transfer::take_header(char* line, size_t size, size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (std::string_view(line, size * count).starts_with("HTTP/")) {
    transfer.socket_opened_ = false;
    transfer.refused_address_.clear();
    transfer.opted_out_ = false;
  }
  constexpr std::string_view kRobots = "x-robots-tag:";
  const std::string_view text(line, size * count);
  if (transfer.limits_.respect_opt_out &&
      curl_strnequal(line, kRobots.data(), std::min(kRobots.size(), text.size())) != 0 && text.size() > kRobots.size())
    transfer.opted_out_ |= opts_out(text.substr(kRobots.size()));
  transfer.header_bytes_ += static_cast<long>(size * count);
  if (transfer.header_bytes_ <= HttpLimits::kMaxHeaderBytes) return size * count;
  transfer.cut_ = Cut::kHeaders;
  return CURL_WRITEFUNC_ERROR;
}

size_t Transfer::take_body(char* data, size_t size, size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  const size_t bytes = size * count;
  if (transfer.status() != 200) {  // an error's page, of which nothing is kept
    transfer.discarded_ += bytes;
    if (transfer.discarded_ <= transfer.limits_.max_bytes) return bytes;
    transfer.cut_ = Cut::kBody;
    return CURL_WRITEFUNC_ERROR;
  }
  if (transfer.opted_out_) {
    transfer.cut_ = Cut::kOptOut;
    return CURL_WRITEFUNC_ERROR;
  }
  std::vector<std::byte>& body = transfer.body_;
  if (body.size() + bytes > transfer.limits_.max_bytes) {
    transfer.cut_ = Cut::kBody;
    return CURL_WRITEFUNC_ERROR;
  }
  if (body.empty()) {
    const curl_off_t promised = transfer.content_length();
    if (promised > 0) body.reserve(std::min(static_cast<uint64_t>(promised), transfer.limits_.max_bytes));
  }
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  body.insert(body.end(), begin, begin + bytes);
  return bytes;
}

/// Bounds what take_body never sees: the bodies of redirects. Called once for many pieces, so it may be some MB late.
int Transfer::watch_progress(void* self, curl_off_t, curl_off_t received, curl_off_t, curl_off_t) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (static_cast<uint64_t>(received) <= transfer.limits_.max_bytes) return 0;
  transfer.cut_ = Cut::kBody;
  return 1;
}

}  // namespace atelier
