#pragma once

#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "tests/support/fetcher.h"
#include "tests/support/loopback_server.h"

/// What the tests of HttpSource share.
namespace atelier::test {

inline constexpr uint64_t kCap = 100'000;

/// Small enough for a test: 100 KB, and half a second for anything.
inline HttpLimits limits() {
  return {.max_bytes = kCap, .head_timeout = 0.5, .get_timeout = 0.5, .connect_timeout = 0.5, .may_connect = is_any};
}

/// The same with ten seconds, for tests that must not end by a timeout.
inline HttpLimits patient_limits() {
  HttpLimits patient = limits();
  patient.head_timeout = patient.get_timeout = 10;
  return patient;
}

/// A server that answers HEAD with "fine, I do not say how long" and GET as told.
class GetServer : public LoopbackServer {
 public:
  explicit GetServer(Handler on_get)
      : LoopbackServer([on_get = std::move(on_get)](const HttpRequest& request, HttpReply& reply) {
          if (request.method == "HEAD") {
            reply.send_head(200);
          } else {
            on_get(request, reply);
          }
        }) {}
};

/// One attempt at `server`'s "/".
inline Answer fetch(const LoopbackServer& server, const HttpLimits& with = limits()) {
  return Fetcher(with).fetch(server.url());
}

inline void expect_failure(const Answer& answer, Fault fault, bool transient) {
  ASSERT_TRUE(std::holds_alternative<Failure>(answer.body)) << "a body of " << body(answer).size() << " bytes";
  EXPECT_EQ(fault_name(failure(answer).fault), fault_name(fault)) << failure(answer).detail;
  EXPECT_EQ(failure(answer).transient, transient) << failure(answer).detail;
  EXPECT_FALSE(failure(answer).detail.empty());
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace atelier::test
