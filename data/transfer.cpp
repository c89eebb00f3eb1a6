#include "data/transfer.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <utility>
#include <variant>

#include "data/address.h"
#include "data/opt_out.h"
#include "data/proxy.h"
#include "data/s3.h"

namespace atelier {
namespace {

constexpr long kReceiveBuffer = 131'072;  ///< bytes; fewer turns of the loop than with libcurl's 16 KiB
/// SHA-256 of the request's body. S3 asks for this header, and libcurl 7.88 does not send it by itself.
constexpr const char* kHashOfNothing =
    "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr size_t kKeptOfPage = 2'048;
constexpr long kNoAuthentication = CURLAUTH_NONE;

template <class T>
void set(const CurlEasy& easy, CURLoption option, T value) {
  if (const CURLcode code = curl_easy_setopt(easy.get(), option, value); code != CURLE_OK)
    throw std::runtime_error(fmt::format("libcurl refuses option {}: {}; Atelier needs libcurl 7.87 or newer with TLS",
                                         static_cast<int>(option), curl_easy_strerror(code)));
}

long milliseconds(double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); }

Pace pace_of(const HttpLimits& limits) {
  return Pace(
      {.first_byte = limits.first_byte_timeout, .slow_window = limits.slow_window, .slowest = HttpLimits::kSlowest});
}

CurlList list_of(const Credentials::Lines& lines) {
  CurlList list;
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::runtime_error("libcurl cannot hold a header: out of memory");
    static_cast<void>(list.release());
    list.reset(longer);
  }
  return list;
}

}  // namespace

std::optional<Failure> refuse_unseen(const Url& url, const HttpLimits& limits) {
  if (limits.proxy.empty()) return std::nullopt;
  const auto refused = refused_by_name(url, limits.may_connect);
  if (!refused) return std::nullopt;
  return Failure{Fault::kRefusedAddress, *refused + " is not public; data.allow_private would allow it"};
}

Transfer::Transfer(const HttpLimits& limits) : limits_(limits), easy_(curl_easy_init()), pace_(pace_of(limits)) {
  if (!easy_) throw std::runtime_error("libcurl cannot make a handle: out of memory");
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_ERRORBUFFER, error_.data());
  set(easy_, CURLOPT_USERAGENT, limits.user_agent.empty() ? "atelier/" ATELIER_VERSION : limits.user_agent.c_str());

  // Where to: http and https alone, public addresses, no proxy and no credentials but those that are given.
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy_, CURLOPT_HTTPAUTH, kNoAuthentication);
  set(easy_, CURLOPT_PROXY, limits_.proxy.c_str());
  set(easy_, CURLOPT_NOPROXY, "");
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_HEADEROPT, long{CURLHEADER_SEPARATE});
  if (!limits_.ca_file.empty()) {
    for (const CURLoption file : {CURLOPT_CAINFO, CURLOPT_PROXY_CAINFO}) set(easy_, file, limits_.ca_file.c_str());
    for (const CURLoption folder : {CURLOPT_CAPATH, CURLOPT_PROXY_CAPATH}) set(easy_, folder, nullptr);
  }
  if (limits_.credentials && limits_.proxy.starts_with("http")) {
    proxy_headers_ = list_of(limits_.credentials->headers_for(std::get<Url>(parse_url(limits_.proxy))));
    set(easy_, CURLOPT_PROXYHEADER, proxy_headers_.get());
  }
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Transfer::open_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, this);
  set(easy_, CURLOPT_RESOLVER_START_FUNCTION, &Transfer::start_lookup);
  set(easy_, CURLOPT_RESOLVER_START_DATA, this);

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
  running_ = true;
  told_length_ = false;
  promised_ = 0;
  ask(ask_head);
}

/// A HEAD or a GET, from the job's own url on.
void Transfer::ask(bool head) {
  head_ = head;
  where_ = job_.url;
  redirects_ = 0;
  header_bytes_ = 0;
  deadline_ = SteadyClock::now() + to_clock(head ? limits_.head_timeout : limits_.get_timeout);
  prepare();
}

/// One request of it, to where_.
void Transfer::prepare(Again again) {
  again_ = again;
  cut_ = Cut::kNone;
  opted_out_ = false;
  looking_up_ = false;
  socket_opened_ = false;
  refused_address_.clear();
  body_ = {};
  pace_ = pace_of(limits_);
  late_.reset();
  discarded_ = 0;
  error_.front() = '\0';
  page_.clear();
  Credentials::Lines lines;
  if (limits_.credentials) lines = limits_.credentials->headers_for(where_);
  if (is_signed()) lines.push_back(kHashOfNothing);
  if (is_signed() && !where_.s3->token.empty()) lines.push_back("x-amz-security-token: " + where_.s3->token);
  headers_ = list_of(lines);
  set(easy_, CURLOPT_HTTPHEADER, headers_.get());
  sign();
  set(easy_, CURLOPT_URL, where_.target.c_str());
  set(easy_, CURLOPT_PIPEWAIT, where_.secure ? 1L : 0L);  // for whether the first connection speaks HTTP/2
  const auto wanted = part();
  set(easy_, CURLOPT_RANGE, wanted ? wanted->text().c_str() : nullptr);  // libcurl copies it
  set(easy_, head_ ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
  set(easy_, CURLOPT_FRESH_CONNECT, again == Again::kOnItsOwnConnection ? 1L : 0L);
  set(easy_, CURLOPT_TIMEOUT_MS, milliseconds(Seconds(deadline_ - SteadyClock::now()).count()));
}

bool Transfer::is_signed() const { return where_.s3 && !where_.s3->is_anonymous(); }

/// libcurl signs when it sends.
void Transfer::sign() {
  const S3Access* access = is_signed() ? where_.s3.get() : nullptr;
  const std::string how = access ? fmt::format("aws:amz:{}:s3", access->region) : "";
  set(easy_, CURLOPT_AWS_SIGV4, access ? how.c_str() : nullptr);  // which sets CURLOPT_HTTPAUTH
  if (!access) set(easy_, CURLOPT_HTTPAUTH, kNoAuthentication);
  set(easy_, CURLOPT_USERNAME, access ? access->key_id.c_str() : nullptr);
  set(easy_, CURLOPT_PASSWORD, access ? access->secret.c_str() : nullptr);
}

bool Transfer::is_late(SteadyClock::time_point now) {
  curl_off_t sent = 0, body = 0;  // microseconds, bytes
  long headers = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &sent);
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_DOWNLOAD_T, &body);
  curl_easy_getinfo(easy_.get(), CURLINFO_HEADER_SIZE, &headers);
  late_ = pace_.judge(now, sent > 0, static_cast<uint64_t>(body) + static_cast<uint64_t>(headers));
  return late_.has_value();
}

std::optional<Answer> Transfer::end(CURLcode result) {
  auto answer = next_step(result);
  running_ = !answer;
  return answer;
}

std::optional<Answer> Transfer::next_step(CURLcode result) {
  if (const Again again = is_spoilt(result); again != Again::kNo) {
    prepare(again);
    return std::nullopt;
  }
  const char* location = nullptr;
  curl_easy_getinfo(easy_.get(), CURLINFO_REDIRECT_URL, &location);
  if (result == CURLE_OK && location != nullptr) {
    if (const auto failure = follow(location)) return answer(*failure);
    return std::nullopt;
  }
  if (auto end = judge_asker()) return answer(std::move(end));
  if (auto failure = judge(result)) return answer(*std::move(failure));
  const bool has_looked = limits_.look > 0 && (!head_ || (status() == 200 && content_length() >= 0));
  if (has_looked) return answer(std::vector<std::byte>());
  if (!head_) {
    told_length_ = content_length() == static_cast<curl_off_t>(body_.size());
    return answer(std::exchange(body_, {}));
  }
  ask(false);
  return std::nullopt;
}

Answer Transfer::answer(decltype(Answer::body) body) const {
  Answer answer{.ticket = job_.request.ticket, .body = std::move(body)};
  if (job_.url.range && std::holds_alternative<std::vector<std::byte>>(answer.body)) answer.whole = whole();
  if (limits_.look > 0) answer.told = told();
  return answer;
}

/// What a GET asks for, where that is not the whole: the part that the url names, or, to look, the first bytes.
std::optional<ByteRange> Transfer::part() const {
  const auto& named = job_.url.range;
  if (head_ || limits_.look == 0) return head_ ? std::nullopt : named;
  const uint64_t first = named ? named->first : 0;
  return ByteRange{first,
                   std::min(named ? named->last : std::numeric_limits<uint64_t>::max(), first + limits_.look - 1)};
}

/// Goes where an answer sends us; a failure: it may not.
std::optional<Failure> Transfer::follow(const char* location) {
  if (++redirects_ > HttpLimits::kMaxRedirects)
    return Failure{Fault::kRedirects, fmt::format("more than {} redirects", HttpLimits::kMaxRedirects)};
  auto parsed = parse_url(location);
  if (const auto* failure = std::get_if<Failure>(&parsed))
    return Failure{Fault::kRedirects, "redirected to a url that is not fetched: " + failure->detail};
  Url& url = std::get<Url>(parsed);
  if (url.local || url.in_bucket) return Failure{Fault::kRedirects, "redirected to neither http nor https"};
  if (where_.secure && !url.secure) return Failure{Fault::kRedirects, "redirected from https to http"};
  if (auto failure = refuse_unseen(url, limits_)) return failure;
  where_ = std::move(url);
  prepare();
  return std::nullopt;
}

/// Whether the request came to grief by its connection having been kept alive, and so is asked again. A server
/// that answers HEAD with a body, or sends more than it announced, leaves bytes behind: whoever comes next sees no
/// HTTP. A server that closes a connection between two requests, which HTTP/2 announces by GOAWAY, leaves the next ones
/// without an answer: both methods may be repeated (RFC 9110, section 9.2.2). Another connection may be closing, too,
/// so the last try has one of its own.
Transfer::Again Transfer::is_spoilt(CURLcode result) const {
  long opened = 0, headers = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NUM_CONNECTS, &opened);
  curl_easy_getinfo(easy_.get(), CURLINFO_HEADER_SIZE, &headers);
  if (again_ == Again::kOnItsOwnConnection || opened > 0) return Again::kNo;
  if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WEIRD_SERVER_REPLY) return Again::kOnItsOwnConnection;
  constexpr std::array kBroken = {CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE,
                                  CURLE_HTTP2};
  const bool is_broken = std::find(kBroken.begin(), kBroken.end(), result) != kBroken.end();
  if (!is_broken || headers > 0) return Again::kNo;
  return again_ == Again::kNo ? Again::kOnAnother : Again::kOnItsOwnConnection;
}

int Transfer::start_lookup(void*, void*, void* self) noexcept {
  static_cast<Transfer*>(self)->looking_up_ = true;
  return 0;
}

/// Judges the very address that is about to be connected to: after DNS, after every redirect, for each of a host's
/// addresses; not that of a proxy, which is trusted. A refused one fails like one that nobody answers, so libcurl tries
/// the host's next.
curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.limits_.proxy.empty() && !transfer.limits_.may_connect(address->addr, address->addrlen)) {
    transfer.refused_address_ = address_text(address->addr, address->addrlen);
    return CURL_SOCKET_BAD;
  }
  transfer.socket_opened_ = true;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Counts over all answers of the transfer, so that neither redirects nor an endless row of "100 Continue" gets past
/// the bound.
size_t Transfer::take_header(char* line, size_t size, size_t count, void* self) noexcept {
  auto& transfer = *static_cast<Transfer*>(self);
  if (std::string_view(line, size * count).starts_with("HTTP/")) transfer.opted_out_ = false;  // of "103 Early Hints"
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
  if (transfer.body_.empty() && transfer.judge_part()) {
    transfer.cut_ = Cut::kPart;
    return CURL_WRITEFUNC_ERROR;
  }
  if (!transfer.is_good(transfer.status())) {  // an error's page, of which at most its beginning is kept
    if (transfer.where_.s3 && transfer.page_.size() < kKeptOfPage)
      transfer.page_.append(data, std::min(bytes, kKeptOfPage - transfer.page_.size()));
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
  if (transfer.limits_.look > 0 && body.size() + bytes > transfer.limits_.look) {
    transfer.cut_ = Cut::kLooked;
    return CURL_WRITEFUNC_ERROR;
  }
  if (body.size() + bytes > transfer.most_bytes()) {
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
