// HttpSource over HTTP/2 (RFC 9113), against a server on loopback that knows as much of it as a test needs.

#include <atomic>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "tests/data/http_fixture.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {
namespace {

enum class Frame : uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4 };
constexpr uint8_t kAck = 1, kEndStream = 1, kEndHeaders = 4;

std::string big_endian(uint32_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

std::string frame(Frame type, uint8_t flags, uint32_t stream, const std::string& payload) {
  return big_endian(static_cast<uint32_t>(payload.size()), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         big_endian(stream, 4) + payload;
}

/// ":status: 200" by HPACK's static table (RFC 7541, appendix A), and five bytes.
std::string image(uint32_t stream) {
  return frame(Frame::kHeaders, kEndHeaders, stream, "\x88") + frame(Frame::kData, kEndStream, stream, "image");
}

/// The frames that answer one request; none: the server closes the connection instead. `number` counts a connection's
/// requests from 0.
using OnRequest = std::function<std::string(uint32_t stream, int connection, int number)>;

/// Reads frames until the client goes or is told to.
LoopbackServer::Handler http2(const OnRequest& on_request) {
  return [on_request](const HttpRequest& request, HttpReply& reply) {
    std::string bytes;
    const auto take = [&](size_t count) {
      while (bytes.size() < count) {
        const std::string more = reply.receive();
        if (more.empty()) return std::string();
        bytes += more;
      }
      const std::string taken = bytes.substr(0, count);
      bytes.erase(0, count);
      return taken;
    };
    take(std::string_view("SM\r\n\r\n").size());
    reply.send(frame(Frame::kSettings, 0, 0, ""));
    reply.close();
    for (int number = 0;;) {
      const std::string head = take(9);
      if (head.empty()) return;
      const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(head[i])); };
      take(at(0) << 16 | at(1) << 8 | at(2));
      const uint32_t stream = at(5) << 24 | at(6) << 16 | at(7) << 8 | at(8);
      if (at(3) == static_cast<uint32_t>(Frame::kSettings) && at(4) != kAck)
        reply.send(frame(Frame::kSettings, kAck, 0, ""));
      if (at(3) != static_cast<uint32_t>(Frame::kHeaders)) continue;
      const std::string answer = on_request(stream, request.connection, number++);
      if (answer.empty()) {
        reply.wait(0.3);  // for the client to take what was answered before
        return;
      }
      reply.send(answer);
    }
  };
}

class Http2Test : public ::testing::Test {
 protected:
  HttpLimits trusting(const LoopbackServer& server) const {
    std::ofstream(folder_ / "ca.pem") << server.certificate();
    HttpLimits with = patient_limits();
    with.ca_file = (folder_ / "ca.pem").string();
    with.head = HeadCheck::kNever;
    return with;
  }
  TemporaryFolder folder_;
};

TEST_F(Http2Test, ManyRequestsShareOneConnectionFromTheStart) {
  LoopbackServer server(http2([](uint32_t stream, int, int) { return image(stream); }),
                        LoopbackServer::Transport::kHttp2Tls);
  Fetcher fetcher(trusting(server));
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 64; ++i) tickets.push_back(fetcher.submit(server.url()));
  for (const uint64_t ticket : tickets) EXPECT_EQ(body(fetcher.wait(ticket)), "image");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(Http2Test, WhatAClosedConnectionLeavesUnansweredIsAskedForAgainAtOnce) {
  LoopbackServer server(http2([](uint32_t stream, int connection, int number) -> std::string {
                          return connection == 1 && number == 20 ? "" : image(stream);
                        }),
                        LoopbackServer::Transport::kHttp2Tls);
  Fetcher fetcher(trusting(server));
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 64; ++i) tickets.push_back(fetcher.submit(server.url()));
  for (const uint64_t ticket : tickets) {
    const Answer answer = fetcher.wait(ticket);
    ASSERT_TRUE(std::holds_alternative<std::vector<std::byte>>(answer.body)) << failure(answer).detail;
  }
  EXPECT_LE(server.connections(), 1 + HttpLimits::kPerHost);
}

TEST_F(Http2Test, AStreamThatIsResetIsAFailureThatMayHealAndEndsNoOther) {
  LoopbackServer server(http2([](uint32_t stream, int, int number) {
                          // INTERNAL_ERROR, in the middle of a body
                          return number % 2 == 0 ? image(stream)
                                                 : frame(Frame::kHeaders, kEndHeaders, stream, "\x88") +
                                                       frame(Frame::kData, 0, stream, "im") +
                                                       frame(Frame::kReset, 0, stream, big_endian(2, 4));
                        }),
                        LoopbackServer::Transport::kHttp2Tls);
  Fetcher fetcher(trusting(server));
  for (int i = 0; i < 4; ++i) {
    const Answer answer = fetcher.fetch(server.url());
    if (i % 2 == 0) {
      EXPECT_EQ(body(answer), "image");
    } else {
      expect_failure(answer, Fault::kConnection, true);
    }
  }
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace atelier::test
