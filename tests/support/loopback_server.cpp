#include "tests/support/loopback_server.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <stop_token>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "base/free_with.h"
#include "tests/support/loopback_socket.h"

namespace atelier::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMaxRequestBytes = 65'536;
constexpr int kTick = 10;  ///< milliseconds between looks at the stop token

using TlsContext = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using TlsSession = std::unique_ptr<SSL, FreeWith<SSL_free>>;

/// A TLS server whose certificate nobody has signed but itself.
TlsContext self_signed_context() {
  const std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, FreeWith<X509_free>> certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::array<unsigned char, 10> host = {"127.0.0.1"};
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host.data(), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost"));
  X509_add_ext(certificate.get(), names.get(), -1);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
    throw std::runtime_error("OpenSSL cannot make a certificate for the loopback server");
  return context;
}

int agree_to_http2(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char*, unsigned, void*) {
  static constexpr std::array<unsigned char, 2> kHttp2 = {'h', '2'};
  *chosen = kHttp2.data();
  *length = kHttp2.size();
  return SSL_TLSEXT_ERR_OK;
}

std::string reason(int status) { return status == 200 ? "OK" : "Status " + std::to_string(status); }

std::optional<HttpRequest> parse_request(std::string_view head, int connection) {
  HttpRequest request;
  request.connection = connection;
  const size_t first_space = head.find(' ');
  const size_t second_space = head.find(' ', first_space + 1);
  if (first_space == std::string_view::npos || second_space == std::string_view::npos) return std::nullopt;
  request.method = head.substr(0, first_space);
  request.path = head.substr(first_space + 1, second_space - first_space - 1);
  for (size_t line = head.find("\r\n"); line + 2 < head.size(); line = head.find("\r\n", line + 2)) {
    const std::string_view text = head.substr(line + 2, head.find("\r\n", line + 2) - line - 2);
    const size_t colon = text.find(": ");
    if (colon == std::string_view::npos) continue;
    std::string name(text.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers[name] = text.substr(colon + 2);
  }
  return request;
}

/// One accepted connection. Its socket does not block; waiting happens in poll, a tick at a time.
class Connection {
 public:
  Connection(int descriptor, SSL_CTX* tls, std::stop_token stop) : socket_(descriptor), stop_(std::move(stop)) {
    const int now = 1;  // small sends leave at once, as those of a web server do
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &now, sizeof(now));
    if (tls == nullptr) return;
    tls_.reset(SSL_new(tls));
    SSL_set_fd(tls_.get(), descriptor);
    SSL_set_accept_state(tls_.get());
  }

  bool is_resumed() const { return tls_ && SSL_session_reused(tls_.get()) == 1; }

  /// The next request's head, up to and with its empty line. Bodies of requests are not read: tests send none.
  std::optional<std::string> read_head() {
    size_t end = std::string::npos;
    while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
      std::array<char, 4096> buffer;
      const auto count = retry(POLLIN, [&] { return read_some(buffer.data(), buffer.size()); });
      if (count <= 0 || unread_.size() > kMaxRequestBytes) return std::nullopt;
      unread_.append(buffer.data(), static_cast<size_t>(count));
    }
    std::string head = unread_.substr(0, end + 4);
    unread_.erase(0, end + 4);
    return head;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = retry(POLLOUT, [&] { return write_some(bytes); });
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  bool wait(double seconds) {
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < until) {
      if (stop_.stop_requested()) return false;
      pollfd hangup{socket_.get(), POLLRDHUP, 0};
      if (::poll(&hangup, 1, kTick) > 0) return false;
    }
    return true;
  }

  std::string receive() {
    if (!unread_.empty()) return std::exchange(unread_, {});
    std::array<char, 4096> buffer;
    const auto count = retry(POLLIN, [&] { return read_some(buffer.data(), buffer.size()); });
    return count > 0 ? std::string(buffer.data(), static_cast<size_t>(count)) : "";
  }

  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }

 private:
  ssize_t read_some(char* data, size_t size) {
    if (!tls_) return ::recv(socket_.get(), data, size, 0);
    return tls_result(SSL_read(tls_.get(), data, static_cast<int>(size)));
  }
  ssize_t write_some(std::string_view bytes) {
    if (!tls_) return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return tls_result(SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())));
  }
  ssize_t tls_result(int count) {
    if (count > 0) return count;
    const int error = SSL_get_error(tls_.get(), count);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
    return -1;
  }
  template <class Try>
  ssize_t retry(short events, Try attempt) {
    while (!stop_.stop_requested()) {
      const ssize_t count = attempt();
      if (count >= 0 || (errno != EAGAIN && errno != EINTR)) return count;
      pollfd ready{socket_.get(), tls_ ? static_cast<short>(POLLIN) : events, 0};
      ::poll(&ready, 1, kTick);
    }
    return -1;
  }

  Socket socket_;
  TlsSession tls_;
  std::stop_token stop_;
  std::string unread_;
};

class ConnectionReply : public HttpReply {
 public:
  ConnectionReply(Connection& connection, bool to_head) : HttpReply(to_head), connection_(connection) {}
  bool send(std::string_view bytes) override { return connection_.send(bytes); }
  std::string receive() override { return connection_.receive(); }
  bool wait(double seconds) override { return connection_.wait(seconds); }
  void close() override { ended_ = true; }
  void reset() override {
    connection_.reset();
    ended_ = true;
  }
  bool ended() const { return ended_; }

 private:
  Connection& connection_;
  bool ended_ = false;
};

}  // namespace

bool HttpReply::send_head(int status, const std::vector<std::string>& headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " " + reason(status) + "\r\n";
  for (const std::string& header : headers) head += header + "\r\n";
  return send(head + "\r\n");
}

bool HttpReply::send_answer(int status, std::string_view body, const std::vector<std::string>& headers) {
  std::vector<std::string> all = {"Content-Length: " + std::to_string(body.size())};
  all.insert(all.end(), headers.begin(), headers.end());
  return send_head(status, all) && (to_head_ || send(body));
}

bool HttpReply::send_file(const HttpRequest& request, std::string_view file, std::vector<std::string> headers) {
  const auto range = request.headers.find("range");
  size_t first = 0, last = 0;
  if (range == request.headers.end() || std::sscanf(range->second.c_str(), "bytes=%zu-%zu", &first, &last) != 2)
    return send_answer(200, file, headers);
  if (first >= file.size()) return send_answer(416, "");
  last = std::min(last, file.size() - 1);
  headers.push_back("Content-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
                    std::to_string(file.size()));
  return send_answer(206, file.substr(first, last - first + 1), headers);
}

void HttpReply::hang() {
  while (wait(60)) {
  }
}

class LoopbackServer::State {
 public:
  State(Handler handler, Transport transport)
      : handler_(std::move(handler)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (transport != Transport::kPlain) tls_ = self_signed_context();
    if (transport == Transport::kHttp2Tls) SSL_CTX_set_alpn_select_cb(tls_.get(), &agree_to_http2, nullptr);
    sockaddr_in address = loopback(0);
    const int again = 1;  // after refuse(), though clients of before still linger
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &again, sizeof(again));
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), SOMAXCONN) != 0 ||
        ::getsockname(listener_.get(), generic, &length) != 0)
      throw std::system_error(errno, std::generic_category(), "the loopback server cannot listen");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }

  void refuse(bool connections) {
    const std::lock_guard lock(mutex_);
    if (refusing_.exchange(connections) == connections) return;
    if (connections ? !leave() : ::listen(listener_.get(), SOMAXCONN) != 0)
      throw std::system_error(errno, std::generic_category(), "the loopback server cannot come or go");
  }
  bool is_refusing() const { return refusing_; }

  std::string certificate() const {
    const std::unique_ptr<BIO, FreeWith<BIO_free_all>> memory(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(memory.get(), SSL_CTX_get0_certificate(tls_.get()));
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<size_t>(size)};
  }
  const char* scheme() const { return tls_ ? "https" : "http"; }
  int port() const { return port_; }

  std::vector<HttpRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int connections() const {
    const std::lock_guard lock(mutex_);
    return connections_;
  }
  int most_at_once() const {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }

 private:
  void accept_all(const std::stop_token& stop) {
    sigset_t pipe;  // OpenSSL writes to clients that are gone; the clients' threads inherit the mask
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    struct Client {
      std::atomic<bool> gone = false;
      std::jthread thread;
    };
    std::list<Client> clients;  // leaving joins them: each sees `stop` within a tick
    while (!stop.stop_requested()) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (refusing_) std::this_thread::sleep_for(std::chrono::milliseconds(kTick));
      if (::poll(&waiting, 1, kTick) <= 0) continue;
      const int accepted = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (accepted < 0) continue;
      const int number = count_connection();
      clients.remove_if([](const Client& client) { return client.gone.load(); });
      Client& client = clients.emplace_back();
      client.thread = std::jthread([this, accepted, number, stop, &client] {
        serve(accepted, number, stop);
        client.gone = true;
      });
    }
  }

  /// Stops listening. Linux takes the port away from a socket that was bound to any; bound by number, it stays ours.
  bool leave() {
    sockaddr_in address = loopback(port_);
    return ::shutdown(listener_.get(), SHUT_RDWR) == 0 &&
           ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  void serve(int descriptor, int number, const std::stop_token& stop) {
    Connection connection(descriptor, tls_.get(), stop);
    while (const auto head = connection.read_head()) {
      auto request = parse_request(*head, number);
      if (!request) return;
      request->resumed = connection.is_resumed();
      ConnectionReply reply(connection, request->method == "HEAD");
      begin(*request);
      handler_(*request, reply);
      finish();
      const auto wish = request->headers.find("connection");
      if (reply.ended() || (wish != request->headers.end() && wish->second == "close")) return;
    }
  }

  int count_connection() {
    const std::lock_guard lock(mutex_);
    return ++connections_;
  }
  void begin(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    most_at_once_ = std::max(most_at_once_, ++at_once_);
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    --at_once_;
  }

  const Handler handler_;
  TlsContext tls_;
  Socket listener_;
  int port_ = 0;
  std::atomic<bool> refusing_ = false;
  mutable std::mutex mutex_;  // guards the four below
  std::vector<HttpRequest> requests_;
  int connections_ = 0, at_once_ = 0, most_at_once_ = 0;
  std::jthread acceptor_;  ///< last, so that it is stopped and joined first
};

LoopbackServer::LoopbackServer(Handler handler, Transport transport)
    : state_(std::make_unique<State>(std::move(handler), transport)) {}
LoopbackServer::~LoopbackServer() = default;

std::string LoopbackServer::url(std::string_view path) const {
  return std::string(state_->scheme()) + "://127.0.0.1:" + std::to_string(port()) + std::string(path);
}
std::string LoopbackServer::certificate() const { return state_->certificate(); }
int LoopbackServer::port() const { return state_->port(); }
void LoopbackServer::refuse(bool connections) { state_->refuse(connections); }
bool LoopbackServer::is_refusing() const { return state_->is_refusing(); }
std::vector<HttpRequest> LoopbackServer::requests() const { return state_->requests(); }
int LoopbackServer::connections() const { return state_->connections(); }
int LoopbackServer::most_at_once() const { return state_->most_at_once(); }

int LoopbackServer::count(std::string_view method, std::string_view path) const {
  const auto all = requests();
  return static_cast<int>(std::count_if(all.begin(), all.end(), [&](const HttpRequest& request) {
    return request.method == method && (path.empty() || request.path == path);
  }));
}

}  // namespace atelier::test
