#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/address.h"
#include "data/credentials.h"
#include "data/host_health.h"
#include "data/source.h"

namespace atelier {

/// Limits of every transfer. The defaults are those of DataConfig.
struct HttpLimits {
  uint64_t max_bytes = 10'485'760;  ///< of a body, by HEAD's Content-Length, GET's Content-Length, and bytes that came
  double head_timeout = 10;         ///< seconds for a HEAD, start to end, redirects included
  double get_timeout = 30;          ///< seconds for a GET, start to last byte
  double connect_timeout = 10;      ///< seconds to look up and connect, TLS included; for each redirect anew
  double first_byte_timeout = 15;   ///< seconds from a request to the first byte of its answer
  double slow_window = 10;          ///< seconds in which an answer that has begun may bring under kSlowest a second
  int connections = 32;             ///< transfers at once
  HeadCheck head = HeadCheck::kAlways;
  uint64_t look = 0;  ///< bytes; over 0: only look. No body is fetched (a good answer has an empty one, and Told):
                      ///< HEAD, and where that is refused or tells no length, GET for so many bytes at most
  bool respect_opt_out = true;
  std::string user_agent = {};                          ///< empty: "atelier/VERSION"
  std::shared_ptr<const Credentials> credentials = {};  ///< none when empty
  std::string proxy = {};                               ///< as parse_proxy gives it; empty: none
  std::string ca_file = {};                             ///< certificates (PEM) to trust; empty: the system's
  bool (*may_connect)(const sockaddr&, socklen_t) = is_public;
  static constexpr int kMaxRedirects = 5;
  static constexpr double kSlowest = 1'024;           ///< bytes a second
  static constexpr int kPerHost = HostHealth::kMost;  ///< connections to one host and port at once
  static constexpr long kMaxHeaderBytes = 65'536;     ///< of all headers of a HEAD or a GET, redirects included
};

HttpLimits http_limits(const DataConfig& data);

/// Bytes over http and https (libcurl), and from local files (file:// and plain paths, read on a few threads of their
/// own).
///
/// One thread runs one libcurl multi loop. Each request is a HEAD, then a GET on a kept-alive connection;
/// HeadCheck::kAuto leaves the HEAD out for hosts whose GET has told a length that was true, kNever always. A
/// Content-Length over max_bytes, in the answer to either, ends it before a byte of the body. A server that refuses
/// HEAD (405, 501, 403, ...) or gives no length is asked for the body all the same, and the body is counted and cut at
/// max_bytes whatever was promised. 200 is the only good status of a GET; transfer.h says how the others are judged.
///
/// A part of a file is one GET with Range; larger than max_bytes it is refused unasked. Only 206 with exactly that part
/// will do.
///
/// Requests to one host and port beyond its limit (HostHealth, at most kPerHost) wait in order of arrival while those
/// to other hosts go on, and fail at once while the host is given up or has asked to be left alone; timeouts count from
/// the start of a transfer, and how fast an answer comes is looked at ten times a second (pace.h). Addresses are judged
/// when the socket is opened, after DNS and on every redirect; redirects go to http or https only, never from https to
/// http. Credentials go to the servers that they are for and are chosen anew on every redirect. With a proxy (proxy.h)
/// all goes through it; none is taken from the environment. No content encoding is asked for, no cookies; TLS is
/// verified. Connections stay open for later requests.
///
/// The constructor throws std::runtime_error when libcurl cannot start. Do not destroy the source from its own handler.
class HttpSource : public Source {
 public:
  HttpSource(const HttpLimits& limits, Handler handler);
  ~HttpSource() override;
  void submit(Request request) override;
  SourceCounts counts() const override;
  std::vector<HostCounts> hosts() const override;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace atelier
