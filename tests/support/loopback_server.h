#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// A real web server on 127.0.0.1 that does whatever a test wants, the worst included.
///
///   LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
///     if (request.path == "/slow") reply.wait(5.0);
///     reply.send_answer(200, "hello");
///   });
///   fetch(server.url("/slow"));
///   EXPECT_EQ(server.count("HEAD"), 1);
namespace atelier::test {

/// One request as it came.
struct HttpRequest {
  std::string method;
  std::string path;                            ///< with its query
  std::map<std::string, std::string> headers;  ///< names in lower case
  int connection = 0;                          ///< the connections of a server count from 1
  bool resumed = false;                        ///< the TLS session of an earlier connection
};

/// The server's end of a connection while it answers one request. Used on the connection's own thread. Every function
/// returns false once the client or the server is gone, so that `while (reply.send(...))` ends.
class HttpReply {
 public:
  virtual ~HttpReply() = default;

  /// Raw bytes, as they are.
  virtual bool send(std::string_view bytes) = 0;
  /// Raw bytes that have come, or come next; empty once the client or the server is gone.
  virtual std::string receive() = 0;
  /// Sleeps; false at once when the client hangs up or the server stops.
  virtual bool wait(double seconds) = 0;
  /// Ends the connection after this reply: in order, or with a TCP reset.
  virtual void close() = 0;
  virtual void reset() = 0;

  /// A well-formed answer: status line, Content-Length, `headers` (each "Name: value"), and `body` unless HEAD asked.
  bool send_answer(int status, std::string_view body, const std::vector<std::string>& headers = {});
  /// `file`, or the part of it that `request` asks for by Range, as a server of files answers (RFC 9110, section 14).
  bool send_file(const HttpRequest& request, std::string_view file, std::vector<std::string> headers = {});
  /// Only the head of an answer: status line and `headers`, no Content-Length of its own.
  bool send_head(int status, const std::vector<std::string>& headers = {});
  /// Waits until the client or the server goes away: a server that never answers.
  void hang();

 protected:
  explicit HttpReply(bool to_head) : to_head_(to_head) {}

 private:
  const bool to_head_;
};

class LoopbackServer {
 public:
  /// Called on the connection's thread, many at once.
  using Handler = std::function<void(const HttpRequest&, HttpReply&)>;
  /// kHttp2Tls agrees to HTTP/2 but does not speak it: the handler gets "PRI *", the preface, and goes on by itself.
  enum class Transport { kPlain, kSelfSignedTls, kHttp2Tls };

  /// Listens on a free port when the constructor returns; stops, whatever the handlers are doing, in the destructor.
  explicit LoopbackServer(Handler handler, Transport transport = Transport::kPlain);
  ~LoopbackServer();

  /// "http://127.0.0.1:PORT" + path.
  std::string url(std::string_view path = "/") const;
  int port() const;
  /// What a client must trust to talk to this server by TLS: PEM.
  std::string certificate() const;

  /// While true, new connections are refused as on a machine where nothing runs; those that are open stay so.
  void refuse(bool connections);
  bool is_refusing() const;

  /// Every request so far, in order of arrival.
  std::vector<HttpRequest> requests() const;
  int count(std::string_view method, std::string_view path = {}) const;  ///< any path when empty
  int connections() const;                                               ///< accepted so far
  int most_at_once() const;                                              ///< requests being answered at the same moment

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier::test
