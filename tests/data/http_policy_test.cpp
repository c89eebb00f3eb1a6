// HttpSource against a real server on loopback: how answers are judged, and where it goes.

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/data/http_fixture.h"

namespace atelier::test {
namespace {

// Statuses.

TEST(Http, TellsStatusesThatMayHealFromThoseThatWillNot) {
  LoopbackServer server(
      [](const HttpRequest& request, HttpReply& reply) { reply.send_answer(std::stoi(request.path.substr(1)), "no"); });
  Fetcher fetcher(limits());
  for (const int status : {408, 421, 425, 429, 500, 502, 503, 504, 599})
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
  const auto date_in = [](int seconds) {
    std::string date(64, '\0');
    const std::time_t then = std::time(nullptr) + seconds;
    std::tm parts{};
    date.resize(std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&then, &parts)));
    return date;
  };
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    const std::string value = request.path == "/date"   ? date_in(100)
                              : request.path == "/past" ? date_in(-100)
                              : request.path == "/far"  ? "Fri, 31 Dec 9999 23:59:59 GMT"
                                                        : request.path.substr(1);
    reply.send_answer(429, "", {"Retry-After: " + value});
  });
  const auto retry_after = [&](const std::string& path) {
    return failure(Fetcher(limits()).fetch(server.url(path))).retry_after;
  };
  EXPECT_EQ(retry_after("/7"), 7);
  EXPECT_NEAR(retry_after("/date"), 100, 5);
  EXPECT_EQ(retry_after("/past"), 0);
  EXPECT_EQ(retry_after("/far"), 3600);
  EXPECT_EQ(retry_after("/99999999"), 3600);
  EXPECT_EQ(retry_after("/99999999999999999999999999"), 0) << "no number, as far as libcurl can see";
  EXPECT_EQ(retry_after("/-5"), 0);
  EXPECT_EQ(retry_after("/soon"), 0);
}

TEST(Http, LeavesAHostAloneForAsLongAsItAsks) {
  std::atomic<bool> busy = true;
  LoopbackServer server([&](const HttpRequest&, HttpReply& reply) {
    if (busy.exchange(false)) return void(reply.send_answer(429, "", {"Retry-After: 1"}));
    reply.send_answer(200, "image");
  });
  Fetcher fetcher(limits());
  EXPECT_FALSE(failure(fetcher.fetch(server.url("/a"))).not_asked);
  for (int i = 0; i < 5; ++i) {
    const Failure refused = failure(fetcher.fetch(server.url("/b")));
    EXPECT_TRUE(refused.not_asked);
    EXPECT_EQ(refused.status, 429);
    EXPECT_GT(refused.retry_after, 0);
    EXPECT_LE(refused.retry_after, 1);
  }
  EXPECT_EQ(server.count("HEAD"), 1) << "nothing more was asked";
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  EXPECT_EQ(body(fetcher.fetch(server.url("/b"))), "image");
}

TEST(Http, AsksABusyHostLessAtOnce) {
  std::atomic<int> at_once = 0, refusals = 0;
  LoopbackServer server([&](const HttpRequest&, HttpReply& reply) {
    const int together = ++at_once;
    reply.wait(0.01);
    if (together > 4) {
      ++refusals;
      reply.send_answer(503, "");
    } else {
      reply.send_answer(200, "image");
    }
    --at_once;
  });
  Fetcher fetcher(limits());
  std::vector<uint64_t> tickets;
  for (int i = 0; i < 400; ++i) tickets.push_back(fetcher.submit(server.url()));
  int images = 0;
  for (const uint64_t ticket : tickets)
    images += std::holds_alternative<std::vector<std::byte>>(fetcher.wait(ticket).body);
  EXPECT_EQ(images + refusals, 400);
  EXPECT_LT(refusals, 150) << "16 at once would be refused three times in four";
}

TEST(Http, GivesUpAHostThatCannotBeReachedAndFindsItAgain) {
  std::string url;
  {
    const LoopbackServer gone([](const HttpRequest&, HttpReply&) {});
    url = gone.url();
  }
  Fetcher fetcher(limits());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(failure(fetcher.fetch(url)).not_asked);
  const Failure refused = failure(fetcher.fetch(url));
  EXPECT_TRUE(refused.not_asked);
  EXPECT_EQ(refused.fault, Fault::kConnect);
  EXPECT_GT(refused.host_down, 0);
}

// HEAD or not.

HttpLimits limits_with(HeadCheck head) {
  HttpLimits with = limits();
  with.head = head;
  return with;
}

TEST(Http, NeverAsksForTheSizeWhenToldSoAndStillTakesNoByteOfWhatIsTooLarge) {
  std::atomic<bool> sent_body = false;
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/small") return void(reply.send_answer(200, "image"));
    reply.send_head(200, {fmt::format("Content-Length: {}", kCap + 1)});
    reply.wait(0.1);  // whoever goes by the length has hung up by now
    sent_body = reply.send(std::string(kCap + 1, 'x'));
    reply.close();
  });
  Fetcher fetcher(limits_with(HeadCheck::kNever));
  EXPECT_EQ(body(fetcher.fetch(server.url("/small"))), "image");
  expect_failure(fetcher.fetch(server.url("/large")), Fault::kTooLargeByHead, false);
  EXPECT_EQ(server.count("HEAD"), 0);
  const SourceCounts counts = fetcher.source().counts();
  EXPECT_EQ(counts.heads, 0u);
  EXPECT_EQ(counts.refused, 1u);
  EXPECT_EQ(counts.bytes_refused, kCap + 1);
  EXPECT_EQ(counts.bytes, 5u);
}

TEST(Http, AsksForTheSizeOnlyWhereGetDoesNotTellItOrLies) {
  LoopbackServer honest([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  LoopbackServer silent([](const HttpRequest& request, HttpReply& reply) {
    reply.send_head(200, {"Connection: close"});
    if (request.method == "GET") reply.send("image");
    reply.close();
  });
  Fetcher fetcher(limits_with(HeadCheck::kAuto));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(body(fetcher.fetch(honest.url())), "image");
    EXPECT_EQ(body(fetcher.fetch(silent.url())), "image");
  }
  EXPECT_EQ(honest.count("HEAD"), 1) << "until it was known";
  EXPECT_EQ(silent.count("HEAD"), 3);
}

// Those who do not want to be used.

TEST(Http, LeavesOutWhatItsServerAsksNotToUse) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    const bool only_get = request.path == "/get" && request.method == "HEAD";
    if (request.path == "/moved") return void(reply.send_answer(302, "", {"Location: /free", "X-Robots-Tag: noai"}));
    const std::string rule = request.path == "/free" || only_get ? "nofollow" : "nofollow, NoImageAI";
    reply.send_answer(200, "image", {"x-robots-TAG: " + rule});
  });
  Fetcher fetcher(limits());
  expect_failure(fetcher.fetch(server.url("/head")), Fault::kOptOut, false);
  EXPECT_EQ(server.count("GET"), 0);
  expect_failure(fetcher.fetch(server.url("/get")), Fault::kOptOut, false);
  EXPECT_EQ(body(fetcher.fetch(server.url("/free"))), "image");
  EXPECT_EQ(body(fetcher.fetch(server.url("/moved"))), "image") << "the rule is for the redirect's own page";
  HttpLimits greedy = limits();
  greedy.respect_opt_out = false;
  EXPECT_EQ(body(fetch(server, greedy)), "image");
}

TEST(Http, SaysWhoItIsInTheUsersWords) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); });
  HttpLimits with = limits();
  with.user_agent = "studio/3 (+https://studio.example)";
  fetch(server, with);
  for (const HttpRequest& request : server.requests()) EXPECT_EQ(request.headers.at("user-agent"), with.user_agent);
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
  outside.may_connect = is_public;
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

TEST(Http, RefusesAnAddressThatARedirectLeadsTo) {
  HttpLimits first_only = limits();
  first_only.may_connect = [](const sockaddr& address, socklen_t length) {
    return address_text(address, length) == "127.0.0.1";
  };
  LoopbackServer server(redirect_to("http://127.0.0.2/"));
  Fetcher fetcher(first_only);
  for (const char* connection : {"new", "kept alive"}) {
    const Answer answer = fetcher.fetch(server.url());
    expect_failure(answer, Fault::kRefusedAddress, false);
    EXPECT_THAT(failure(answer).detail, testing::HasSubstr("127.0.0.2")) << connection;
  }
}

TEST(Http, JudgesTheAddressOfEachConnectionAndNotOfTheName) {  // or a name could change it in between
  static std::atomic<int> judged;
  judged = 0;
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(200, "image", {"Connection: close"});
    reply.close();
  });
  HttpLimits once = limits();
  once.head = HeadCheck::kNever;
  once.may_connect = [](const sockaddr& address, socklen_t length) {
    return address_text(address, length) == "127.0.0.1" && judged++ == 0;
  };
  Fetcher fetcher(once);
  const std::string url = fmt::format("http://localhost:{}/", server.port());
  EXPECT_EQ(body(fetcher.fetch(url)), "image");
  expect_failure(fetcher.fetch(url), Fault::kRefusedAddress, false);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Http, NamesTheAddressThatItRefuses) {
  HttpLimits outside = limits();
  outside.may_connect = is_public;
  EXPECT_EQ(failure(Fetcher(outside).fetch("http://0x7f.1/")).detail,
            "127.0.0.1 is not public; data.allow_private would allow it");
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

}  // namespace
}  // namespace atelier::test
