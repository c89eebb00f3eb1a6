#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "data/curl_handle.h"
#include "data/host_queue.h"
#include "data/http.h"
#include "data/pace.h"
#include "data/retry.h"
#include "data/s3.h"
#include "data/source.h"

namespace atelier {

/// Why `url` is not asked for though no address was looked up; nothing: it may be. Only with a proxy.
std::optional<Failure> refuse_unseen(const Url& url, const HttpLimits& limits);

/// One job on its way: a HEAD, then a GET, on a libcurl handle that serves the next job afterwards.
///
/// How answers are judged:
///   HEAD  settles the matter when it cannot be connected or ends badly, when it promises too many bytes, when the
///         thing is gone (404, 410) and when the server is busy (408, 425, 429, 502, 503, 504). Any other refusal may
///         be of HEAD alone (405, 501, but also the 403 of a URL signed for GET): the GET decides.
///   GET   200 is the only good status; of a part of a file 206, with its very Content-Range and length. 408, 421, 425,
///         429 and 5xx are transient, the rest is not. A server that sends the whole file instead is cut at its first
///         byte. When it only looks (HttpLimits::look) a HEAD that says 200 and how long is the answer; else GET asks
///         for the first bytes, and 206 is as good as 200.
///   Both  Objects of S3 are asked for with a signature (AWS Signature Version 4), made anew for each request; a
///         redirect leads to where it is not known. An answer that refuses whoever signs is no failure of the object
///         but ends the source (std::invalid_argument).
///         Redirects are followed here and not by libcurl, so that each is judged like a url of the list and carries
///         the headers of the server that it leads to, and no other's.
///         A Content-Length over the cap is kTooLargeByHead: not a byte of the body was taken.
///
/// For one thread; libcurl holds its address.
class Transfer {
 public:
  /// `limits` outlive the transfer. Throws std::runtime_error when this libcurl lacks something.
  explicit Transfer(const HttpLimits& limits);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* handle() const { return easy_.get(); }
  const Job& job() const { return job_; }
  bool is_head() const { return head_; }
  bool is_redirected() const { return redirects_ > 0; }
  /// From begin() to the answer.
  bool is_running() const { return running_; }
  /// After a GET that went well: whether its Content-Length was told, and true.
  bool told_length() const { return told_length_; }
  /// After kTooLargeByHead: the bytes that were promised.
  uint64_t promised() const { return promised_; }

  /// Prepares the HEAD of `job`; add handle() to the loop.
  ///   ask_head  false: begins with the GET
  void begin(Job job, bool ask_head);
  /// Whether the answer is too slow: take the handle from the loop, and call end(CURLE_OPERATION_TIMEDOUT).
  bool is_late(SteadyClock::time_point now);
  /// Takes the result of what libcurl just ended. Nothing: there is more to ask, add handle() again.
  std::optional<Answer> end(CURLcode result);

 private:
  std::optional<Answer> next_step(CURLcode result);
  void ask(bool head);
  enum class Again { kNo, kOnAnother, kOnItsOwnConnection };  ///< of the connections that are kept alive
  void prepare(Again again = Again::kNo);
  bool is_signed() const;
  void sign();
  std::optional<Failure> follow(const char* location);
  Again is_spoilt(CURLcode result) const;
  long status() const;
  curl_off_t content_length() const;
  Answer answer(decltype(Answer::body) body) const;
  std::optional<ByteRange> part() const;
  uint64_t most_bytes() const { return job_.url.range ? part()->size() : limits_.max_bytes; }
  bool is_good(long code) const;
  std::string header(const char* name) const;
  Whole whole() const;
  int64_t whole_length() const;
  Told told() const;
  std::optional<Failure> judge(CURLcode result);
  std::optional<Failure> judge_part() const;
  S3Refusal refusal() const;
  std::exception_ptr judge_asker() const;
  Failure transport_failure(CURLcode result);
  Failure timeout_failure() const;
  Failure cut_failure() const;
  Failure status_failure() const;
  std::string method() const { return head_ ? "HEAD" : "GET"; }

  static int start_lookup(void*, void*, void* self) noexcept;
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
  static size_t take_header(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t take_body(char* data, size_t size, size_t count, void* self) noexcept;
  static int watch_progress(void* self, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t) noexcept;

  enum class Cut { kNone, kHeaders, kBody, kOptOut, kPart, kLooked };  ///< why we broke off

  const HttpLimits& limits_;
  std::array<char, CURL_ERROR_SIZE> error_{};  ///< declared before the handle that writes to it
  CurlList headers_, proxy_headers_;           ///< and what it reads
  CurlEasy easy_;
  Job job_;
  bool running_ = false;
  bool head_ = true;
  Url where_;  ///< the job's url, or where its server sent us
  int redirects_ = 0;
  SteadyClock::time_point deadline_;  ///< of the HEAD or the GET, redirects included
  Pace pace_;
  std::optional<Pace::Late> late_;
  Again again_ = Again::kNo;
  Cut cut_ = Cut::kNone;
  long header_bytes_ = 0;
  bool opted_out_ = false;  ///< by the last answer
  bool told_length_ = false;
  uint64_t promised_ = 0;
  bool looking_up_ = false;      ///< the host's name, since the last answer
  bool socket_opened_ = false;   ///< since the last answer: to an address that the policy allows
  std::string refused_address_;  ///< since the last answer: the last one that it does not
  std::vector<std::byte> body_;
  uint64_t discarded_ = 0;  ///< bytes of an error's page
  std::string page_;        ///< its beginning, of S3 alone
};

}  // namespace atelier
