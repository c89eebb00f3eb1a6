// HttpSource against a real server on loopback: everything that a server can send too much, too little or too late.

#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "tests/data/black_hole.h"
#include "tests/data/http_fixture.h"

namespace atelier::test {
namespace {

// Too large.

TEST(Http, RefusesByHeadBeforeAByteOfTheBody) {
  LoopbackServer server(
      [](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, std::string(kCap + 1, 'x')); });
  Fetcher fetcher(limits());
  const Answer answer = fetcher.fetch(server.url());
  expect_failure(answer, Fault::kTooLargeByHead, false);
  EXPECT_EQ(failure(answer).detail, "Content-Length 100001 is over 100000");
  EXPECT_EQ(server.count("GET"), 0);
  EXPECT_EQ(fetcher.source().counts().bytes, 0u);
}

TEST(Http, RefusesALengthThatNoIntegerHolds) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 99999999999999999999999999"});
  });
  expect_failure(fetch(server), Fault::kTooLargeByHead, false);
  EXPECT_EQ(server.count("GET"), 0);
}

TEST(Http, RefusesByTheHeadersOfTheGetWhenHeadSaidNothing) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 100001"});
    reply.hang();  // the headers must do
  });
  Fetcher fetcher(limits());
  expect_failure(fetcher.fetch(server.url()), Fault::kTooLargeByHead, false);
  EXPECT_EQ(fetcher.source().counts().bytes, 0u);
}

TEST(Http, CutsAnEndlessBodyAtTheCap) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Transfer-Encoding: chunked"});
    const std::string chunk = fmt::format("1000\r\n{:x>4096}\r\n", "");
    while (reply.send(chunk)) {
    }
  });
  Fetcher fetcher(limits());
  expect_failure(fetcher.fetch(server.url()), Fault::kTooLargeInBody, false);
  EXPECT_LT(fetcher.source().counts().bytes, kCap + 300'000);
}

TEST(Http, CutsABodyWithoutLengthThatGrowsPastTheCap) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Connection: close"});
    reply.send(std::string(kCap + 1, 'x'));
    reply.close();
  });
  expect_failure(fetch(server), Fault::kTooLargeInBody, false);
}

TEST(Http, CutsEndlessBodiesOfErrorsAndRedirects) {
  for (const int status : {404, 302}) {
    GetServer server([status](const HttpRequest&, HttpReply& reply) {
      reply.send_head(status, {"Transfer-Encoding: chunked", "Location: /elsewhere"});
      const std::string chunk = fmt::format("1000\r\n{:x>4096}\r\n", "");
      while (reply.send(chunk)) {
      }
    });
    const auto start = std::chrono::steady_clock::now();
    Fetcher fetcher(patient_limits());
    expect_failure(fetcher.fetch(server.url()), status == 404 ? Fault::kHttpStatus : Fault::kTooLargeInBody, false);
    EXPECT_LT(seconds_since(start), 5);
  }
}

// Lengths that lie.

TEST(Http, CutsTheEndlessPageOfAnErrorAsSoonAsAnImage) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.send_head(403, {"Connection: close"});
    const std::string piece(1 << 20, 'x');
    while (request.method == "GET" && reply.send(piece)) continue;
    reply.close();
  });
  constexpr uint64_t kTimes = 20, kOneReceive = 131'072;
  Fetcher fetcher(patient_limits());
  for (uint64_t i = 0; i < kTimes; ++i) expect_failure(fetcher.fetch(server.url()), Fault::kHttpStatus, false);
  EXPECT_LE(fetcher.source().counts().bytes, kTimes * (kCap + kOneReceive));
}

TEST(Http, SeesABodyShorterThanItsLength) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 1000"});
    if (request.method == "HEAD") return;
    reply.send(std::string(999, 'x'));
    reply.close();
  });
  expect_failure(fetch(server), Fault::kConnection, true);
}

TEST(Http, TakesNoMoreThanTheLengthSays) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 5"});
    if (request.method == "GET") reply.send("hello and a lot more");
  });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(server.url())), "hello");
  EXPECT_EQ(body(fetcher.fetch(server.url())), "hello");  // the rest was not taken for the next answer
}

TEST(Http, SurvivesAHeadThatIsAnsweredWithABody) {
  for (const double delay : {0.0, 0.05}) {
    LoopbackServer server([delay](const HttpRequest& request, HttpReply& reply) {
      reply.send_head(200, {"Content-Length: 5"});
      if (request.method == "HEAD") reply.wait(delay);
      reply.send("hello");
    });
    EXPECT_EQ(body(fetch(server)), "hello") << delay;
  }
}

// Time.

TEST(Http, GivesUpOnAHeadThatIsNeverAnswered) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  const auto start = std::chrono::steady_clock::now();
  const Answer answer = fetch(server);
  expect_failure(answer, Fault::kTimeout, true);
  EXPECT_EQ(failure(answer).detail, "HEAD took over 0.5 s");
  EXPECT_EQ(server.count("GET"), 0);
  EXPECT_GT(seconds_since(start), 0.4);
}

TEST(Http, GivesUpOnAGetThatIsNeverAnswered) {
  GetServer server([](const HttpRequest&, HttpReply& reply) { reply.hang(); });
  const Answer answer = fetch(server);
  expect_failure(answer, Fault::kTimeout, true);
  EXPECT_EQ(failure(answer).detail, "GET took over 0.5 s");
}

TEST(Http, GivesUpOnASlowDrip) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 1000"});
    while (reply.send("x") && reply.wait(0.05)) {
    }
  });
  const auto start = std::chrono::steady_clock::now();
  expect_failure(fetch(server), Fault::kTimeout, true);
  EXPECT_LT(seconds_since(start), 5);
}

TEST(Http, GivesUpOnAnErrorPageThatNeverEndsButKnowsTheStatus) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(403, {"Content-Length: 1000"});
    reply.hang();
  });
  expect_failure(fetch(server), Fault::kHttpStatus, false);
}

// Connections that break.

TEST(Http, SeesAConnectionClosedBeforeAnyAnswer) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.close(); });
  expect_failure(fetch(server), Fault::kConnection, true);
}

TEST(Http, SeesAReset) {
  GetServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 1000"});
    reply.send("some");
    reply.reset();
  });
  expect_failure(fetch(server), Fault::kConnection, true);
}

TEST(Http, SeesAPortWhereNobodyListens) {
  int port = 0;
  {
    const LoopbackServer gone([](const HttpRequest&, HttpReply&) {});
    port = gone.port();
  }
  const Answer answer = Fetcher(limits()).fetch(fmt::format("http://127.0.0.1:{}/", port));
  expect_failure(answer, Fault::kConnect, true);
}

TEST(Http, TakesAConnectionThatIsNeverAnsweredForOneThatIsRefused) {
  const BlackHole hole;
  for (const char* scheme : {"http", "https"}) {
    const Answer answer = Fetcher(limits()).fetch(hole.url(scheme));
    expect_failure(answer, Fault::kConnect, true);
    EXPECT_EQ(failure(answer).detail, "no connection in 0.5 s");
  }
}

TEST(Http, SeesAHostWithoutAnAddress) {
  // A label over 63 characters has no address anywhere, and no name server need be asked.
  expect_failure(Fetcher(limits()).fetch(fmt::format("http://{:a>64}.invalid/", "")), Fault::kDns, true);
}

TEST(Http, BoundsEndlessHeaders) {
  for (const char* first : {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}) {
    LoopbackServer server([first](const HttpRequest&, HttpReply& reply) {
      reply.send(first);
      const bool interim = std::string_view(first).find("100") != std::string_view::npos;
      while (reply.send(interim ? first : fmt::format("X-More: {:x>1000}\r\n", ""))) {
      }
    });
    const auto start = std::chrono::steady_clock::now();
    Fetcher fetcher(patient_limits());
    expect_failure(fetcher.fetch(server.url()), Fault::kConnection, false);
    EXPECT_LT(seconds_since(start), 5);
  }
}

TEST(Http, BoundsOneEndlessHeaderLine) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send("HTTP/1.1 200 OK\r\nX-More: ");
    while (reply.send(std::string(1000, 'x'))) {
    }
  });
  const auto start = std::chrono::steady_clock::now();
  Fetcher fetcher(patient_limits());
  const Answer answer = fetcher.fetch(server.url());
  expect_failure(answer, Fault::kConnection, true);
  EXPECT_EQ(failure(answer).detail, "a header line without end, or no memory");
  EXPECT_LT(seconds_since(start), 5);
}

TEST(Http, RefusesWhatIsNotHttp) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send("220 mail.example.org ESMTP\r\n");
    reply.close();
  });
  expect_failure(fetch(server), Fault::kConnection, true);
}

}  // namespace
}  // namespace atelier::test
