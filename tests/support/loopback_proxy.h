#pragma once

#include <memory>
#include <string>
#include <vector>

namespace atelier::test {

/// A real proxy on 127.0.0.1 that speaks HTTP (absolute urls and CONNECT) and SOCKS5 on one port, and connects every
/// name to the loopback.
class LoopbackProxy {
 public:
  /// `refusal`: the status of its answer to every CONNECT; 0: it connects.
  explicit LoopbackProxy(int refusal = 0);
  ~LoopbackProxy();

  std::string url(const std::string& scheme = "http") const;
  /// Where it was asked to connect, as "host:port", in order.
  std::vector<std::string> targets() const;
  /// Heads of the HTTP requests that it has seen, CONNECT included, in order.
  std::vector<std::string> heads() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier::test
