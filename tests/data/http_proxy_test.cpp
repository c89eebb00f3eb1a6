// HttpSource through a real proxy on loopback.

#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <stdexcept>
#include <string>

#include "data/proxy.h"
#include "tests/data/http_fixture.h"
#include "tests/support/loopback_proxy.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Transport = LoopbackServer::Transport;

void answer(const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "image"); }

/// As a user on the internet: public addresses alone.
HttpLimits through(const LoopbackProxy& proxy, const std::string& scheme = "http") {
  HttpLimits with = limits();
  with.may_connect = is_public;
  with.proxy = parse_proxy(proxy.url(scheme));
  return with;
}

TEST(HttpProxy, CarriesPlainHttpForNamesThatOnlyItKnows) {
  LoopbackServer server(answer);
  const LoopbackProxy proxy;
  const Answer image = Fetcher(through(proxy)).fetch(fmt::format("http://images.invalid:{}/a.jpg", server.port()));
  EXPECT_EQ(body(image), "image");
  ASSERT_EQ(server.count("GET", "/a.jpg"), 1);
  EXPECT_EQ(server.requests()[0].headers.at("host"), fmt::format("images.invalid:{}", server.port()));
  EXPECT_THAT(proxy.targets(), Each(fmt::format("images.invalid:{}", server.port())));
}

TEST(HttpProxy, CarriesHttpsInATunnelThatItCannotLookInto) {
  const TemporaryFolder folder;
  LoopbackServer server(answer, Transport::kSelfSignedTls);
  std::ofstream(folder / "ca.pem") << server.certificate();
  for (const char* scheme : {"http", "socks5h"}) {
    const LoopbackProxy proxy;
    HttpLimits with = through(proxy, scheme);
    with.ca_file = (folder / "ca.pem").string();
    // "localhost" would be refused: the certificate is for that, so names are allowed here
    with.may_connect = is_any;
    EXPECT_EQ(body(Fetcher(with).fetch(fmt::format("https://localhost:{}/a.jpg", server.port()))), "image") << scheme;
    EXPECT_THAT(proxy.targets(), ElementsAre(fmt::format("localhost:{}", server.port()))) << scheme;
    for (const std::string& head : proxy.heads()) EXPECT_THAT(head, Not(HasSubstr("a.jpg")));
  }
}

TEST(HttpProxy, CarriesPlainHttpBySocksToo) {
  LoopbackServer server(answer);
  const LoopbackProxy proxy;
  const std::string host = fmt::format("images.invalid:{}", server.port());
  EXPECT_EQ(body(Fetcher(through(proxy, "socks5h")).fetch("http://" + host + "/")), "image");
  EXPECT_THAT(proxy.targets(), ElementsAre(host));
}

TEST(HttpProxy, IsAskedForNoAddressThatIsNotPublic) {
  LoopbackServer inside([](const HttpRequest&, HttpReply& reply) { reply.send_answer(200, "secret"); });
  for (const char* scheme : {"http", "socks5h"}) {
    const LoopbackProxy proxy;
    Fetcher fetcher(through(proxy, scheme));
    for (const char* host :
         {"127.0.0.1", "localhost", "LOCALHOST.", "me.localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1",
          "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"}) {
      const Answer refused = fetcher.fetch(fmt::format("http://{}:{}/", host, inside.port()));
      expect_failure(refused, Fault::kRefusedAddress, false);
      EXPECT_THAT(failure(refused).detail, HasSubstr("is not public")) << host;
    }
    EXPECT_THAT(proxy.targets(), IsEmpty());
    LoopbackServer redirecting(
        [&](const HttpRequest&, HttpReply& reply) { reply.send_answer(302, "", {"Location: " + inside.url()}); });
    expect_failure(fetcher.fetch(fmt::format("http://images.invalid:{}/", redirecting.port())), Fault::kRefusedAddress,
                   false);
  }
  EXPECT_EQ(inside.connections(), 0);
  const LoopbackProxy proxy;
  HttpLimits with = through(proxy);
  with.may_connect = is_any;
  EXPECT_EQ(body(Fetcher(with).fetch(inside.url())), "secret") << "data.allow_private";
}

TEST(HttpProxy, IsNotLeftOutBecauseTheEnvironmentSaysSo) {
  LoopbackServer server(answer);
  const LoopbackProxy proxy;
  for (const char* name : {"no_proxy", "NO_PROXY"}) ::setenv(name, "*", 1);
  EXPECT_EQ(body(Fetcher(through(proxy)).fetch(fmt::format("http://images.invalid:{}/", server.port()))), "image");
  for (const char* name : {"no_proxy", "NO_PROXY"}) ::unsetenv(name);
}

TEST(HttpProxy, GetsItsOwnCredentialsAndNoServerGetsThem) {
  const TemporaryFolder folder;
  LoopbackServer server(answer), secure(answer, Transport::kSelfSignedTls);
  const LoopbackProxy proxy;
  std::ofstream(folder / "ca.pem") << secure.certificate();
  std::ofstream(folder / "headers") << fmt::format(
      "[{}]\nProxy-Authorization: Basic cHJveHk6cGFzcw==\n[{}]\nX-Key: for the server\n", proxy.url(), secure.url());
  std::filesystem::permissions(folder / "headers", std::filesystem::perms::owner_read);
  HttpLimits with = through(proxy);
  with.may_connect = is_any;
  with.ca_file = (folder / "ca.pem").string();
  with.credentials = std::make_shared<const Credentials>((folder / "headers").string(), "");
  Fetcher fetcher(with);
  EXPECT_EQ(body(fetcher.fetch(server.url())), "image");
  EXPECT_EQ(body(fetcher.fetch(secure.url())), "image");
  EXPECT_EQ(proxy.heads().size(), 3u);
  EXPECT_THAT(proxy.heads(), Each(HasSubstr("Proxy-Authorization: Basic cHJveHk6cGFzcw==")));
  EXPECT_THAT(proxy.heads(), Each(Not(HasSubstr("X-Key"))));
  ASSERT_EQ(secure.count("GET"), 1);
  for (const HttpRequest& request : secure.requests()) {
    EXPECT_EQ(request.headers.at("x-key"), "for the server");
    EXPECT_FALSE(request.headers.contains("proxy-authorization"));
  }
}

TEST(HttpProxy, SaysWhatItAnswered) {
  for (const auto& [status, transient] : {std::pair{403, false}, std::pair{407, false}, std::pair{502, true}}) {
    const LoopbackProxy proxy(status);
    const Answer answer = Fetcher(through(proxy)).fetch("https://images.invalid/");
    expect_failure(answer, Fault::kConnection, transient);
    EXPECT_EQ(failure(answer).detail, fmt::format("the proxy answered HTTP {} to CONNECT", status));
  }
}

TEST(HttpProxy, ThatIsGoneIsAnOutage) {
  HttpLimits with = limits();
  {
    const LoopbackProxy proxy;
    with = through(proxy);
  }
  expect_failure(Fetcher(with).fetch("http://images.invalid/"), Fault::kConnect, true);
}

TEST(HttpProxy, IsNamedByAUrlWithNothingInItButHostAndPort) {
  EXPECT_EQ(parse_proxy("http://Proxy.example:3128"), "http://Proxy.example:3128");
  EXPECT_EQ(parse_proxy("socks5h://[::1]:1080/"), "socks5h://[::1]:1080");
  for (const char* text :
       {"proxy.example:3128", "http://proxy.example", "http://", "ftp://proxy.example:21",
        "socks5://proxy.example:1080", "http://user:hunter2@proxy.example:3128", "http://hunter2@proxy.example:3128",
        "http://proxy.example:3128/hunter2", "http://proxy.example:3128?hunter2", "http://proxy.example:99999"}) {
    try {
      parse_proxy(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr("data.proxy cannot be that")) << text;
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter2"))) << text;
    }
  }
}

}  // namespace
}  // namespace atelier::test
