// HttpSource against a real server on loopback: what a fetch is, many at once, from many threads.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/data/http_fixture.h"

namespace atelier::test {
namespace {

// What a fetch is.

TEST(Http, BringsTheBodyAfterAHead) {
  std::string image(50'000, '\0');
  for (size_t i = 0; i < image.size(); ++i) image[i] = static_cast<char>(i * 7);
  LoopbackServer server([&](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, image); });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(server.url("/chair.jpg?size=2"))), image);

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].method, "HEAD");
  EXPECT_EQ(requests[1].method, "GET");
  EXPECT_EQ(requests[1].path, "/chair.jpg?size=2");
  EXPECT_EQ(requests[0].connection, requests[1].connection);
  const SourceCounts counts = fetcher.source().counts();
  EXPECT_EQ(counts.heads, 1u);
  EXPECT_EQ(counts.gets, 1u);
  EXPECT_EQ(counts.bytes, image.size());
  EXPECT_EQ(counts.connections, 1u);
}

TEST(Http, TellsWhichHostWasWaitedFor) {
  LoopbackServer fast([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "fast"); });
  LoopbackServer slow([](const HttpRequest& request, HttpReply& reply) {
    if (request.method == "GET") reply.wait(0.2);
    reply.send_answer(request.path == "/gone" ? 404 : 200, "slow and steady");
  });
  Fetcher fetcher(limits());
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 40; ++i) tickets.push_back(fetcher.submit(slow.url()));  // three rounds of 16
  tickets.push_back(fetcher.submit(slow.url("/gone")));
  tickets.push_back(fetcher.submit(fast.url()));
  tickets.push_back(fetcher.submit("/no/such/file.png"));
  for (const uint64_t ticket : tickets) fetcher.wait(ticket);
  const auto hosts = fetcher.source().hosts();
  ASSERT_EQ(hosts.size(), 3u);
  EXPECT_EQ(hosts[0].host, fmt::format("127.0.0.1:{}", slow.port()));
  EXPECT_EQ(hosts[0].images, 40u);
  EXPECT_EQ(hosts[0].failures, 1u);
  EXPECT_EQ(hosts[0].bytes, 40u * 15);
  EXPECT_GE(hosts[0].transferring, 40 * 0.2);
  EXPECT_GE(hosts[0].waited, hosts[0].transferring + 24 * 0.2) << "24 waited for the first round, 8 for the second";
  EXPECT_GE(hosts[0].busy, 0.6);
  EXPECT_LT(hosts[0].busy, hosts[0].transferring / 5);
  EXPECT_EQ(hosts[1].host == "local files" ? hosts[1].failures : hosts[2].failures, 1u);
}

TEST(Http, SaysWhoItIsAndAsksForNothingSpecial) {
  LoopbackServer server(
      [](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "x", {"Set-Cookie: id=1; Path=/"}); });
  Fetcher fetcher(limits());
  fetcher.fetch(server.url());
  fetcher.fetch(server.url());
  for (const HttpRequest& request : server.requests()) {
    EXPECT_EQ(request.headers.at("user-agent").rfind("atelier/", 0), 0u);
    for (const char* name : {"accept-encoding", "cookie", "authorization", "referer"})
      EXPECT_FALSE(request.headers.contains(name)) << name;
  }
}

TEST(Http, TakesABodyOfExactlyTheCapAndAnEmptyOne) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.send_answer(200, request.path == "/empty" ? "" : std::string(kCap, 'x'));
  });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(server.url())).size(), kCap);
  EXPECT_EQ(body(fetcher.fetch(server.url("/empty"))), "");
}

TEST(Http, TakesABodyThatEndsWithTheConnectionOrInChunks) {
  GetServer server([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/chunks") {
      reply.send_head(200, {"Transfer-Encoding: chunked"});
      reply.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    } else {
      reply.send_head(200, {"Connection: close"});
      reply.send("hello world");
      reply.close();
    }
  });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(server.url("/chunks"))), "hello world");
  EXPECT_EQ(body(fetcher.fetch(server.url("/close"))), "hello world");
}

TEST(Http, HandsOverAnEncodingItDidNotAskForAsItCame) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(200, "\x1f\x8b not really gzip", {"Content-Encoding: gzip"});
  });
  EXPECT_EQ(body(fetch(server)), "\x1f\x8b not really gzip");
}

TEST(Http, HandsOverHtmlAsItCame) {  // whether it is an image is decode's to say
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(200, "<html>sorry</html>", {"Content-Type: text/html"});
  });
  EXPECT_EQ(body(fetch(server)), "<html>sorry</html>");
}

TEST(Http, RemembersNothingOfTheLastAnswer) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/close") return reply.close();
    reply.send_answer(request.path == "/good" ? 200 : 404, "image");
  });
  Fetcher fetcher(limits());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(body(fetcher.fetch(server.url("/good"))), "image");
    expect_failure(fetcher.fetch(server.url("/gone")), Fault::kHttpStatus, false);
    expect_failure(fetcher.fetch(server.url("/close")), Fault::kConnection, true);
  }
}

// Many at once.

TEST(Http, KeepsConnectionsAlive) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  Fetcher fetcher(limits());
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 200; ++i) tickets.push_back(fetcher.submit(server.url(fmt::format("/{}", i))));
  for (const uint64_t ticket : tickets) EXPECT_EQ(body(fetcher.wait(ticket)), "image");
  EXPECT_EQ(server.requests().size(), 400u);
  EXPECT_LE(server.connections(), HttpLimits::kPerHost);
  EXPECT_EQ(fetcher.source().counts().connections, static_cast<uint64_t>(server.connections()));
}

TEST(Http, RunsManyTransfersAtOnceButNotTooManyToOneHost) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.wait(0.05);
    reply.send_answer(200, "image");
  });
  Fetcher fetcher(patient_limits());
  const auto start = std::chrono::steady_clock::now();
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 64; ++i) tickets.push_back(fetcher.submit(server.url()));
  for (const uint64_t ticket : tickets) EXPECT_EQ(body(fetcher.wait(ticket)), "image");
  EXPECT_LT(seconds_since(start), 3.2);  // one after another: 64 x 2 x 0.05 = 6.4
  EXPECT_EQ(server.most_at_once(), HttpLimits::kPerHost);
}

TEST(Http, StartsAClockOnlyWhenTheTransferStarts) {
  // 48 jobs of 0.2 s on 16 connections wait up to 0.6 s, longer than each may take.
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.wait(0.2);
    reply.send_answer(200, "image");
  });
  Fetcher fetcher(limits());
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 64; ++i) tickets.push_back(fetcher.submit(server.url()));
  for (const uint64_t ticket : tickets) EXPECT_EQ(body(fetcher.wait(ticket)), "image");
}

TEST(Http, DoesNotLetASlowHostHoldUpAnother) {
  LoopbackServer slow([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  LoopbackServer fast([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  Fetcher fetcher(patient_limits());
  for (int i = 0; i < 100; ++i) fetcher.submit(slow.url());
  EXPECT_EQ(body(fetcher.fetch(fast.url())), "image");
}

TEST(Http, KeepsToItsNumberOfConnections) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.wait(0.02);
    reply.send_answer(200, "image");
  });
  HttpLimits narrow = limits();
  narrow.connections = 3;
  Fetcher fetcher(narrow);
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 12; ++i) tickets.push_back(fetcher.submit(server.url()));
  for (const uint64_t ticket : tickets) EXPECT_EQ(body(fetcher.wait(ticket)), "image");
  EXPECT_EQ(server.most_at_once(), 3);
}

// Threads.

TEST(Http, TakesRequestsFromManyThreads) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  Fetcher fetcher(limits());
  std::vector<std::jthread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) good += body(fetcher.fetch(server.url())) == "image";
    });
  threads.clear();
  EXPECT_EQ(good, 80);
}

TEST(Http, LetsTheHandlerSubmit) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t last = 0;
  HttpSource* self = nullptr;
  HttpSource source(limits(), [&](const Answer& answer) {
    if (answer.ticket < 50) self->submit({answer.ticket + 1, server.url()});
    const std::lock_guard lock(mutex);
    last = answer.ticket;
    changed.notify_all();
  });
  self = &source;
  source.submit({1, server.url()});
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return last == 50; }));
}

TEST(Http, AbandonsWhatIsInFlightWithinASecondAndCallsNobodyAfterwards) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 1000"});
    reply.hang();
  });
  std::atomic<int> answers = 0;
  auto source = std::make_unique<HttpSource>(patient_limits(), [&](const Answer&) { ++answers; });
  for (uint64_t i = 0; i < 100; ++i) source->submit({i, server.url()});
  for (int i = 0; i < 200 && server.count("GET") < HttpLimits::kPerHost; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(server.count("GET"), HttpLimits::kPerHost);
  const auto start = std::chrono::steady_clock::now();
  source.reset();
  EXPECT_LT(seconds_since(start), 1);
  EXPECT_EQ(answers, 0);
}

}  // namespace
}  // namespace atelier::test
