#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <list>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace atelier::test {

/// A port on 127.0.0.1 where packets vanish, as behind a firewall that drops them or an unplugged cable: it listens,
/// but its queue is full and nobody takes from it, so that the kernel leaves every further connection unanswered.
class BlackHole {
 public:
  BlackHole() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* anywhere = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.descriptor, anywhere, size) != 0 || ::listen(listener_.descriptor, 0) != 0 ||
        ::getsockname(listener_.descriptor, anywhere, &size) != 0)
      throw std::system_error(errno, std::generic_category(), "no port for the black hole");
    port_ = ntohs(address.sin_port);
    do {
      ::connect(queued_.emplace_back().descriptor, anywhere, size);  // returns at once
    } while (is_connected(queued_.back()));
  }

  std::string url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + "/";
  }

 private:
  struct Socket {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { ::close(descriptor); }
  };

  /// A connection that is not there after this wait waits for good: on the loopback others take microseconds.
  static bool is_connected(const Socket& socket) {
    constexpr int kWait = 100;  // milliseconds
    pollfd wanted{.fd = socket.descriptor, .events = POLLOUT, .revents = 0};
    return ::poll(&wanted, 1, kWait) > 0;
  }

  Socket listener_;
  std::list<Socket> queued_;
  int port_ = 0;
};

}  // namespace atelier::test
