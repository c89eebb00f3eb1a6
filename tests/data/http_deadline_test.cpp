// HttpSource against a real server on loopback that is late: each deadline by itself, with the others far away.

#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "tests/data/black_hole.h"
#include "tests/data/http_fixture.h"

namespace atelier::test {
namespace {

/// Fails within a second for the reason `detail`, on a source that then serves another request.
void expect_late(const HttpLimits& with, const std::string& url, const std::string& detail) {
  LoopbackServer fine([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  Fetcher fetcher(with);
  const auto start = std::chrono::steady_clock::now();
  const Answer answer = fetcher.fetch(url);
  EXPECT_LT(seconds_since(start), 3);
  expect_failure(answer, Fault::kTimeout, true);
  EXPECT_EQ(failure(answer).detail, detail);
  EXPECT_EQ(body(fetcher.fetch(fine.url())), "image");
}

TEST(HttpDeadline, BoundsTheWaitForAConnection) {
  HttpLimits with = patient_limits();
  with.connect_timeout = 0.3;
  const BlackHole hole;
  const auto start = std::chrono::steady_clock::now();
  const Answer answer = Fetcher(with).fetch(hole.url());
  EXPECT_LT(seconds_since(start), 3);
  expect_failure(answer, Fault::kConnect, true);
  EXPECT_EQ(failure(answer).detail, "no connection in 0.3 s");
}

TEST(HttpDeadline, BoundsTheWaitOfThoseThatWouldShareAConnection) {
  const BlackHole hole;
  Fetcher fetcher(limits());
  const auto start = std::chrono::steady_clock::now();
  std::vector<uint64_t> tickets;
  for (int i = 0; i < HttpLimits::kPerHost; ++i) tickets.push_back(fetcher.submit(hole.url("https")));
  for (const uint64_t ticket : tickets) {
    const Answer answer = fetcher.wait(ticket);
    expect_failure(answer, Fault::kConnect, true);
    EXPECT_EQ(failure(answer).detail, "no connection in 0.5 s");
  }
  EXPECT_LT(seconds_since(start), 3) << "one after another: 8";
}

TEST(HttpDeadline, BoundsTheWaitForAFirstByte) {
  HttpLimits with = patient_limits();
  with.first_byte_timeout = 0.3;
  LoopbackServer mute([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  expect_late(with, mute.url(), "no first byte to HEAD in 0.3 s");
  GetServer mute_to_get([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  expect_late(with, mute_to_get.url(), "no first byte to GET in 0.3 s");
}

TEST(HttpDeadline, GivesEachRedirectAWaitOfItsOwn) {
  HttpLimits with = patient_limits();
  with.first_byte_timeout = 0.6;
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.wait(0.35);
    const int left = std::stoi(request.path.substr(1));
    left == 0 ? reply.send_answer(200, "there") : reply.send_answer(301, "", {fmt::format("Location: /{}", left - 1)});
  });
  EXPECT_EQ(body(Fetcher(with).fetch(server.url("/2"))), "there");
}

TEST(HttpDeadline, EndsABodyThatDrips) {
  HttpLimits with = patient_limits();
  with.slow_window = 0.3;
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 1000"});
    while (reply.send("x") && reply.wait(0.05)) {
    }
  });
  expect_late(with, server.url(), "GET came at under 1024 bytes/s for 0.3 s");
}

TEST(HttpDeadline, EndsHeadersThatDripAndABodyThatStops) {
  HttpLimits with = patient_limits();
  with.slow_window = 0.3;
  LoopbackServer headers([](const HttpRequest&, HttpReply& reply) {
    reply.send("HTTP/1.1 200 OK\r\n");
    while (reply.send("X: y\r\n") && reply.wait(0.05)) {
    }
  });
  expect_late(with, headers.url(), "HEAD came at under 1024 bytes/s for 0.3 s");
  GetServer stops([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 99000"});
    reply.send(std::string(90'000, 'x'));
    reply.hang();
  });
  expect_late(with, stops.url(), "GET came at under 1024 bytes/s for 0.3 s");
}

TEST(HttpDeadline, LetsASlowBodyThatKeepsComingEnd) {
  HttpLimits with = patient_limits();
  with.slow_window = 0.6;
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 30000"});
    for (int i = 0; i < 30; ++i) {
      reply.send(std::string(1000, 'x'));
      reply.wait(0.05);
    }
  });
  EXPECT_EQ(body(Fetcher(with).fetch(server.url())).size(), 30'000u);
}

}  // namespace
}  // namespace atelier::test
