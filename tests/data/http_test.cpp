// HttpSource against a real server on loopback that does its worst.

#include "data/http.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fetcher.h"
#include "tests/support/loopback_server.h"

namespace atelier {
namespace {

using test::body;
using test::failure;
using test::Fetcher;
using test::HttpReply;
using test::HttpRequest;
using test::LoopbackServer;

constexpr uint64_t kCap = 100'000;

/// Small enough for a test: 100 KB, and half a second for anything.
HttpLimits limits() {
  return {.max_bytes = kCap, .head_timeout = 0.5, .get_timeout = 0.5, .connect_timeout = 0.5, .allow_private = true};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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

/// One attempt at `server`'s "/", with small limits.
Answer fetch(const LoopbackServer& server) { return Fetcher(limits()).fetch(server.url()); }

void expect_failure(const Answer& answer, Fault fault, bool transient) {
  ASSERT_TRUE(std::holds_alternative<Failure>(answer.body)) << "a body of " << body(answer).size() << " bytes";
  EXPECT_EQ(fault_name(failure(answer).fault), fault_name(fault)) << failure(answer).detail;
  EXPECT_EQ(failure(answer).transient, transient) << failure(answer).detail;
  EXPECT_FALSE(failure(answer).detail.empty());
}

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
  const HttpCounts counts = fetcher.source().counts();
  EXPECT_EQ(counts.heads, 1u);
  EXPECT_EQ(counts.gets, 1u);
  EXPECT_EQ(counts.bytes, image.size());
  EXPECT_EQ(counts.connections, 1u);
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
    HttpLimits patient = limits();
    patient.get_timeout = 10;
    const auto start = std::chrono::steady_clock::now();
    Fetcher fetcher(patient);
    expect_failure(fetcher.fetch(server.url()), status == 404 ? Fault::kHttpStatus : Fault::kTooLargeInBody, false);
    EXPECT_LT(seconds_since(start), 5);
  }
}

// Lengths that lie.

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
    HttpLimits patient = limits();
    patient.head_timeout = 10;
    const auto start = std::chrono::steady_clock::now();
    Fetcher fetcher(patient);
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
  HttpLimits patient = limits();
  patient.head_timeout = 10;
  const auto start = std::chrono::steady_clock::now();
  Fetcher fetcher(patient);
  expect_failure(fetcher.fetch(server.url()), Fault::kConnection, true);
  EXPECT_LT(seconds_since(start), 5);
}

TEST(Http, RefusesWhatIsNotHttp) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send("220 mail.example.org ESMTP\r\n");
    reply.close();
  });
  expect_failure(fetch(server), Fault::kConnection, true);
}

// Statuses.

TEST(Http, TellsStatusesThatMayHealFromThoseThatWillNot) {
  LoopbackServer server(
      [](const HttpRequest& request, HttpReply& reply) { reply.send_answer(std::stoi(request.path.substr(1)), "no"); });
  Fetcher fetcher(limits());
  for (const int status : {408, 425, 429, 500, 502, 503, 504, 599})
    expect_failure(fetcher.fetch(server.url(fmt::format("/{}", status))), Fault::kHttpStatus, true);
  for (const int status : {201, 206, 304, 400, 401, 403, 404, 410, 451})
    expect_failure(fetcher.fetch(server.url(fmt::format("/{}", status))), Fault::kHttpStatus, false);
  expect_failure(fetcher.fetch(server.url("/204")), Fault::kHttpStatus, false);
  EXPECT_EQ(failure(fetcher.fetch(server.url("/451"))).detail, "HTTP 451 to GET");
}

TEST(Http, AsksNoFurtherWhenTheHeadSettlesTheMatter) {
  LoopbackServer server(
      [](const HttpRequest& request, HttpReply& reply) { reply.send_answer(std::stoi(request.path.substr(1)), "no"); });
  Fetcher fetcher(limits());
  for (const int status : {404, 410, 408, 425, 429, 502, 503, 504})
    fetcher.fetch(server.url(fmt::format("/{}", status)));
  EXPECT_EQ(server.count("HEAD"), 8);
  EXPECT_EQ(server.count("GET"), 0);
}

TEST(Http, LetsTheGetDecideWhenOnlyHeadIsRefused) {
  for (const int status : {400, 403, 405, 500, 501}) {
    LoopbackServer server([status](const HttpRequest& request, HttpReply& reply) {
      request.method == "HEAD" ? reply.send_answer(status, "no") : reply.send_answer(200, "yes");
    });
    EXPECT_EQ(body(fetch(server)), "yes") << status;
  }
}

TEST(Http, IsFineWhenTheServerIsFineAgain) {
  std::atomic<int> gets = 0;
  GetServer server([&](const HttpRequest&, HttpReply& reply) {
    gets++ == 0 ? reply.send_answer(500, "oops") : reply.send_answer(200, "image");
  });
  Fetcher fetcher(limits());
  expect_failure(fetcher.fetch(server.url()), Fault::kHttpStatus, true);
  EXPECT_EQ(body(fetcher.fetch(server.url())), "image");
  EXPECT_EQ(server.connections(), 1);  // an error's page is read to its end, so the connection stays
}

TEST(Http, ReadsRetryAfterInSecondsAndAsADate) {
  std::string date(64, '\0');
  const std::time_t soon = std::time(nullptr) + 100;
  std::tm parts{};
  date.resize(std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&soon, &parts)));
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    const std::string value = request.path == "/date" ? date : request.path.substr(1);
    reply.send_answer(429, "", {"Retry-After: " + value});
  });
  Fetcher fetcher(limits());
  EXPECT_EQ(failure(fetcher.fetch(server.url("/7"))).retry_after, 7);
  EXPECT_NEAR(failure(fetcher.fetch(server.url("/date"))).retry_after, 100, 5);
  EXPECT_EQ(failure(fetcher.fetch(server.url("/99999999"))).retry_after, 3600);
  EXPECT_EQ(failure(fetcher.fetch(server.url("/-5"))).retry_after, 0);
  EXPECT_EQ(failure(fetcher.fetch(server.url("/soon"))).retry_after, 0);
}

// Redirects.

/// Redirects "/" to `location`, answers everything else with "there".
LoopbackServer::Handler redirect_to(std::string location) {
  return [location = std::move(location)](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/") {
      reply.send_answer(302, "", {"Location: " + location});
    } else {
      reply.send_answer(200, "there");
    }
  };
}

TEST(Http, FollowsUpToFiveRedirects) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    const int left = std::stoi(request.path.substr(1));
    left == 0 ? reply.send_answer(200, "there") : reply.send_answer(301, "", {fmt::format("Location: /{}", left - 1)});
  });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(server.url("/5"))), "there");
  expect_failure(fetcher.fetch(server.url("/6")), Fault::kRedirects, false);
}

TEST(Http, EndsARedirectLoop) {
  LoopbackServer server(redirect_to("/"));
  expect_failure(fetch(server), Fault::kRedirects, false);
  EXPECT_EQ(server.count("HEAD"), 6);
}

TEST(Http, FollowsNoRedirectOutOfTheWeb) {
  for (const char* location : {"file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "gopher://127.0.0.1/", "dict://x/"}) {
    LoopbackServer server(redirect_to(location));
    expect_failure(fetch(server), Fault::kRedirects, false);
  }
}

TEST(Http, FollowsNoRedirectWithCredentials) {
  LoopbackServer target([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "there"); });
  LoopbackServer server(redirect_to(fmt::format("http://user:secret@127.0.0.1:{}/", target.port())));
  expect_failure(fetch(server), Fault::kRedirects, false);
  EXPECT_EQ(target.connections(), 0);
}

TEST(Http, FollowsNoMalformedRedirect) {
  LoopbackServer server(redirect_to("http://[::1/"));
  expect_failure(fetch(server), Fault::kRedirects, false);
}

TEST(Http, JudgesTheStatusBehindARedirect) {
  LoopbackServer target([](const HttpRequest&, HttpReply& reply) { reply.send_answer(404, "no"); });
  LoopbackServer server(redirect_to(target.url("/gone")));
  expect_failure(fetch(server), Fault::kHttpStatus, false);
}

// Addresses.

TEST(Http, RefusesLoopbackInEverySpelling) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "secret"); });
  HttpLimits outside = limits();
  outside.allow_private = false;
  Fetcher fetcher(outside);
  for (const char* host : {"127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]",
                           "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1", "LOCALHOST"}) {
    const Answer answer = fetcher.fetch(fmt::format("http://{}:{}/", host, server.port()));
    ASSERT_TRUE(std::holds_alternative<Failure>(answer.body)) << host;
    EXPECT_EQ(fault_name(failure(answer).fault), "refused-address") << host << ": " << failure(answer).detail;
    EXPECT_FALSE(failure(answer).transient) << host;
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(Http, NamesTheAddressThatItRefuses) {
  HttpLimits outside = limits();
  outside.allow_private = false;
  EXPECT_EQ(failure(Fetcher(outside).fetch("http://0x7f.1/")).detail, "127.0.0.1 is not public");
}

TEST(Http, RefusesBadUrlsWithoutAskingAnybody) {
  Fetcher fetcher(limits());
  expect_failure(fetcher.fetch("http://user:secret@127.0.0.1/"), Fault::kBadUrl, false);
  expect_failure(fetcher.fetch("ftp://127.0.0.1/"), Fault::kBadUrl, false);
  expect_failure(fetcher.fetch(""), Fault::kBadUrl, false);
}

TEST(Http, TakesNoProxyFromTheEnvironment) {
  LoopbackServer proxy([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "from the proxy"); });
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "from the server"); });
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  EXPECT_EQ(body(fetch(server)), "from the server");
  ::unsetenv("http_proxy");
}

// TLS.

TEST(Http, RefusesACertificateThatNobodySigned) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "secret"); },
                        LoopbackServer::Transport::kSelfSignedTls);
  expect_failure(fetch(server), Fault::kTls, false);
  EXPECT_TRUE(server.requests().empty());
}

TEST(Http, GivesUpOnAHandshakeThatIsNeverAnswered) {
  LoopbackServer server([](const HttpRequest&, HttpReply&) {});  // waits for the rest of what is no request
  const Answer answer = Fetcher(limits()).fetch(fmt::format("https://127.0.0.1:{}/", server.port()));
  expect_failure(answer, Fault::kTimeout, true);
  EXPECT_EQ(failure(answer).detail, "no connection in 0.5 s");
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
  HttpLimits wide = limits();
  wide.head_timeout = wide.get_timeout = 5;
  Fetcher fetcher(wide);
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
  HttpLimits patient = limits();
  patient.head_timeout = 30;
  Fetcher fetcher(patient);
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
  HttpLimits patient = limits();
  patient.head_timeout = patient.get_timeout = 30;
  auto source = std::make_unique<HttpSource>(patient, [&](const Answer&) { ++answers; });
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
}  // namespace atelier
