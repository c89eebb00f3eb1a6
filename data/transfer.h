#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/curl_handle.h"
#include "data/host_queue.h"
#include "data/http.h"
#include "data/source.h"

namespace atelier {

/// One job on its way: a HEAD, then a GET, on a libcurl handle that serves the next job afterwards.
///
/// How answers are judged:
///   HEAD  settles the matter when it cannot be connected or ends badly, when it promises too many bytes, when the
///         thing is gone (404, 410) and when the server is busy (408, 425, 429, 502, 503, 504). Any other refusal may
///         be of HEAD alone (405, 501, but also the 403 of a URL signed for GET): the GET decides.
///   GET   200 is the only good status. 408, 425, 429 and 5xx are transient, the rest is not.
///   Both  A Content-Length over the cap is kTooLargeByHead: not a byte of the body was taken.
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
  /// After a GET that went well: whether its Content-Length was told, and true.
  bool told_length() const { return told_length_; }
  /// After kTooLargeByHead: the bytes that were promised.
  uint64_t promised() const { return promised_; }

  /// Prepares the HEAD of `job`; add handle() to the loop.
  ///   ask_head  false: begins with the GET
  void begin(Job job, bool ask_head);
  /// Takes the result of what libcurl just ended. Nothing: there is more to ask, add handle() again.
  std::optional<Answer> end(CURLcode result);

 private:
  void prepare(bool head, bool fresh_connection = false);
  bool answered_by_leftovers(CURLcode result) const;
  long status() const;
  curl_off_t content_length() const;
  std::optional<Failure> judge(CURLcode result);
  Failure transport_failure(CURLcode result);
  Failure timeout_failure() const;
  Failure cut_failure() const;
  Failure status_failure() const;
  std::string method() const { return head_ ? "HEAD" : "GET"; }

  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
  static size_t take_header(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t take_body(char* data, size_t size, size_t count, void* self) noexcept;
  static int watch_progress(void* self, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t) noexcept;

  enum class Cut { kNone, kHeaders, kBody, kOptOut };  ///< why we broke off

  const HttpLimits& limits_;
  std::array<char, CURL_ERROR_SIZE> error_{};  ///< declared before the handle that writes to it
  CurlEasy easy_;
  Job job_;
  bool head_ = true;
  bool fresh_connection_ = false;
  Cut cut_ = Cut::kNone;
  long header_bytes_ = 0;
  bool opted_out_ = false;  ///< by the last answer
  bool told_length_ = false;
  uint64_t promised_ = 0;
  bool socket_opened_ = false;   ///< since the last answer: to an address that the policy allows
  std::string refused_address_;  ///< since the last answer: the last one that it does not
  std::vector<std::byte> body_;
  uint64_t discarded_ = 0;  ///< bytes of an error's page
};

}  // namespace atelier
