#include "tests/support/loopback_proxy.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <stop_token>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "tests/support/loopback_socket.h"

namespace atelier::test {
namespace {

constexpr int kTick = 10;  ///< milliseconds between looks at the stop token

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

/// More bytes behind `text`; false: the end, or the proxy stops.
bool receive(int from, std::string& text, const std::stop_token& stop) {
  pollfd ready{from, POLLIN, 0};
  while (::poll(&ready, 1, kTick) == 0)
    if (stop.stop_requested()) return false;
  std::array<char, 16'384> buffer;
  const ssize_t count = ::recv(from, buffer.data(), buffer.size(), 0);
  if (count > 0) text.append(buffer.data(), static_cast<size_t>(count));
  return count > 0;
}

/// Carries bytes both ways until one side ends.
void relay(int one, int other, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> ready = {pollfd{one, POLLIN, 0}, pollfd{other, POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), kTick) <= 0) continue;
    for (const auto& [from, to] : {std::pair{one, other}, std::pair{other, one}}) {
      if (ready[from == one ? 0 : 1].revents == 0) continue;
      std::string bytes;
      if (!receive(from, bytes, stop) || !send_all(to, bytes)) return;
    }
  }
}

}  // namespace

class LoopbackProxy::State {
 public:
  explicit State(int refusal) : refusal_(refusal), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), SOMAXCONN) != 0 ||
        ::getsockname(listener_.get(), generic, &length) != 0)
      throw std::system_error(errno, std::generic_category(), "the loopback proxy cannot listen");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
  }

  int port() const { return port_; }
  std::vector<std::string> targets() const {
    const std::lock_guard lock(mutex_);
    return targets_;
  }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

 private:
  void accept_all(const std::stop_token& stop) {
    std::list<std::jthread> clients;  // leaving joins them: each sees `stop` within a tick
    while (!stop.stop_requested()) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, kTick) <= 0) continue;
      const int accepted = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted >= 0)
        clients.emplace_back([this, accepted, stop] {
          const Socket client(accepted);
          serve(client.get(), stop);
        });
    }
  }

  void serve(int client, const std::stop_token& stop) {
    std::string text;
    if (!receive(client, text, stop)) return;
    if (text.front() == '\x05') return serve_socks(client, std::move(text), stop);
    while (text.find("\r\n\r\n") == std::string::npos)
      if (!receive(client, text, stop)) return;
    {
      const std::lock_guard lock(mutex_);
      heads_.push_back(text);
    }
    const size_t space = text.find(' ');
    if (text.starts_with("CONNECT ")) {
      if (refusal_ != 0) {
        send_all(client, "HTTP/1.1 " + std::to_string(refusal_) + " No\r\nContent-Length: 0\r\n\r\n");
        return;
      }
      connect_to(text.substr(space + 1, text.find(' ', space + 1) - space - 1), client,
                 "HTTP/1.1 200 Connected\r\n\r\n", {}, stop);
    } else {  // METHOD http://host:port/path: one request a connection, as its next one may be for another server
      const size_t host = text.find("://") + 3, path = text.find('/', host);
      std::string target = text.substr(host, path - host);
      if (target.find(':') == std::string::npos) target += ":80";
      const size_t end = text.find("\r\n") + 2;
      connect_to(target, client, {},
                 text.substr(0, space + 1) + text.substr(path, end - path) + "Connection: close\r\n" + text.substr(end),
                 stop);
    }
  }

  /// RFC 1928 with a name as the address, and no authentication.
  void serve_socks(int client, std::string greeting, const std::stop_token& stop) {
    while (greeting.size() < 2 || greeting.size() < 2u + static_cast<unsigned char>(greeting[1]))
      if (!receive(client, greeting, stop)) return;
    send_all(client, std::string("\x05\x00", 2));
    std::string request;
    while (request.size() < 5 || request.size() < 7u + static_cast<unsigned char>(request[4]))
      if (!receive(client, request, stop)) return;
    const size_t length = static_cast<unsigned char>(request[4]);
    const int port =
        static_cast<unsigned char>(request[5 + length]) << 8 | static_cast<unsigned char>(request[6 + length]);
    const bool is_name = request[3] == '\x03';
    connect_to((is_name ? request.substr(5, length) : "an address") + ":" + std::to_string(port), client,
               std::string("\x05\x00\x00\x01\0\0\0\0\0\0", 10), {}, stop);
  }

  void connect_to(const std::string& target, int client, std::string_view welcome, std::string_view request,
                  const std::stop_token& stop) {
    {
      const std::lock_guard lock(mutex_);
      targets_.push_back(target);
    }
    const Socket server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(std::stoi(target.substr(target.rfind(':') + 1)));
    if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return;
    if (send_all(client, welcome) && send_all(server.get(), request)) relay(client, server.get(), stop);
  }

  const int refusal_;
  Socket listener_;
  int port_ = 0;
  mutable std::mutex mutex_;  // guards the two below
  std::vector<std::string> targets_, heads_;
  std::jthread acceptor_;  ///< last, so that it is stopped and joined first
};

LoopbackProxy::LoopbackProxy(int refusal) : state_(std::make_unique<State>(refusal)) {}
LoopbackProxy::~LoopbackProxy() = default;
std::string LoopbackProxy::url(const std::string& scheme) const {
  return scheme + "://127.0.0.1:" + std::to_string(state_->port());
}
std::vector<std::string> LoopbackProxy::targets() const { return state_->targets(); }
std::vector<std::string> LoopbackProxy::heads() const { return state_->heads(); }

}  // namespace atelier::test
