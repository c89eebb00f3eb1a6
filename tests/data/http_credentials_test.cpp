// HttpSource and what it tells about its user, against real servers on loopback that write down what they are told.

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "tests/data/http_fixture.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {
namespace {

using Transport = LoopbackServer::Transport;

void answer(const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); }

/// Redirects everything to `location`.
LoopbackServer::Handler redirect(std::string location) {
  return [location = std::move(location)](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(302, "", {"Location: " + location});
  };
}

class HttpCredentialsTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_read);
    return (folder_ / name).string();
  }
  HttpLimits with_headers(const std::string& text) const {
    HttpLimits with = limits();
    with.credentials = std::make_shared<const Credentials>(write("headers", text), "");
    return with;
  }
  HttpLimits trusting(const LoopbackServer& server) const {
    HttpLimits with = limits();
    with.ca_file = write("ca.pem", server.certificate());
    return with;
  }

  TemporaryFolder folder_;
};

/// What the requests of `server` carried as `name`; "-" for those that did not.
std::string carried(const LoopbackServer& server, const std::string& name) {
  std::string all;
  for (const HttpRequest& request : server.requests())
    all += (all.empty() ? "" : " ") + (request.headers.contains(name) ? request.headers.at(name) : "-");
  return all;
}

TEST_F(HttpCredentialsTest, GoWithEveryRequestToTheirServerAndToNoOther) {
  LoopbackServer ours(answer), other(answer);
  Fetcher fetcher(with_headers(fmt::format("[{}]\nAuthorization: Bearer abc\nX-Key: 1\n", ours.url())));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(body(fetcher.fetch(ours.url())), "image");
    EXPECT_EQ(body(fetcher.fetch(other.url())), "image");
  }
  EXPECT_EQ(carried(ours, "authorization"), "Bearer abc Bearer abc Bearer abc Bearer abc");
  EXPECT_EQ(carried(ours, "x-key"), "1 1 1 1");
  EXPECT_EQ(carried(other, "authorization"), "- - - -");
  EXPECT_EQ(carried(other, "x-key"), "- - - -");
  EXPECT_EQ(body(fetcher.fetch(fmt::format("http://localhost:{}/", ours.port()))), "image");
  EXPECT_THAT(carried(ours, "x-key"), ::testing::EndsWith("1 - -")) << "the same server by another name";
}

TEST_F(HttpCredentialsTest, StayBehindOnARedirectAndWaitAtItsEnd) {
  LoopbackServer stranger(answer);
  LoopbackServer friendly(answer);
  LoopbackServer to_stranger(redirect(stranger.url("/a"))), to_friend(redirect(friendly.url("/a")));
  Fetcher fetcher(
      with_headers(fmt::format("[{}]\nAuthorization: Bearer abc\nX-Key: 1\nCookie: c=1\n"
                               "[{}]\nAuthorization: Bearer abc\nX-Key: 1\n[{}]\nX-Key: 2\n",
                               to_stranger.url(), to_friend.url(), friendly.url())));
  EXPECT_EQ(body(fetcher.fetch(to_stranger.url())), "image");
  EXPECT_EQ(carried(to_stranger, "x-key"), "1 1");
  for (const char* name : {"authorization", "x-key", "cookie"}) EXPECT_EQ(carried(stranger, name), "- -") << name;
  EXPECT_EQ(body(fetcher.fetch(to_friend.url())), "image");
  EXPECT_EQ(carried(friendly, "x-key"), "2 2");
  EXPECT_EQ(carried(friendly, "authorization"), "- -");
}

TEST_F(HttpCredentialsTest, OfANetrcGoByHttpsAlone) {
  LoopbackServer secure(answer, Transport::kSelfSignedTls), plain(answer);
  HttpLimits with = trusting(secure);
  with.credentials = std::make_shared<const Credentials>("", write("netrc", "machine 127.0.0.1 login a password b"));
  Fetcher fetcher(with);
  EXPECT_EQ(body(fetcher.fetch(secure.url())), "image");
  EXPECT_EQ(carried(secure, "authorization"), "Basic YTpi Basic YTpi");
  EXPECT_EQ(body(fetcher.fetch(plain.url())), "image");
  EXPECT_EQ(carried(plain, "authorization"), "- -");
}

TEST_F(HttpCredentialsTest, AreInNoFailure) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.send_answer(std::stoi(request.path.substr(1)), request.headers.at("x-key"), {"X-Echo: hunter2"});
  });
  Fetcher fetcher(with_headers(fmt::format("[{}]\nX-Key: hunter2\n", server.url())));
  for (const char* path : {"/401", "/403", "/500"})
    EXPECT_THAT(failure(fetcher.fetch(server.url(path))).detail, ::testing::Not(::testing::HasSubstr("hunter2")));
}

// TLS.

TEST_F(HttpCredentialsTest, ASecondConnectionResumesTheSessionOfTheFirst) {
  LoopbackServer server(
      [](const HttpRequest&, HttpReply& reply) {
        reply.send_answer(200, "image", {"Connection: close"});
        reply.close();
      },
      Transport::kSelfSignedTls);
  HttpLimits with = trusting(server);
  with.connections = 1;
  EXPECT_EQ(body(Fetcher(with).fetch(server.url())), "image");
  ASSERT_EQ(server.connections(), 2);
  EXPECT_FALSE(server.requests()[0].resumed);
  EXPECT_TRUE(server.requests()[1].resumed);
}

TEST_F(HttpCredentialsTest, ATrustedCertificateWillDoAndAnotherWillNot) {
  LoopbackServer trusted(answer, Transport::kSelfSignedTls), other(answer, Transport::kSelfSignedTls);
  Fetcher fetcher(trusting(trusted));
  EXPECT_EQ(body(fetcher.fetch(trusted.url())), "image");
  expect_failure(fetcher.fetch(other.url()), Fault::kTls, false);
}

TEST_F(HttpCredentialsTest, ARedirectFromHttpsToHttpIsNotFollowed) {
  LoopbackServer plain(answer);
  LoopbackServer secure(redirect(plain.url("/a")), Transport::kSelfSignedTls);
  const Answer down = Fetcher(trusting(secure)).fetch(secure.url());
  expect_failure(down, Fault::kRedirects, false);
  EXPECT_EQ(failure(down).detail, "redirected from https to http");
  EXPECT_EQ(plain.connections(), 0);
  LoopbackServer target(answer, Transport::kSelfSignedTls);
  LoopbackServer up(redirect(target.url("/a")));
  EXPECT_EQ(body(Fetcher(trusting(target)).fetch(up.url())), "image");
}

}  // namespace
}  // namespace atelier::test
