// Parts of files through HttpSource: what is asked for, and what servers do instead.

#include <gmock/gmock.h>

#include "tests/data/http_fixture.h"

namespace atelier::test {
namespace {

using ::testing::HasSubstr;

std::string numbered_file() {
  std::string file(300'000, '\0');
  for (size_t i = 0; i < file.size(); ++i) file[i] = static_cast<char>(i * 7 + i / 256);
  return file;
}
const std::string kFile = numbered_file();

/// The failure of bytes 100 to 299 when `answer` is what the server does.
Failure refused(const LoopbackServer::Handler& answer) {
  LoopbackServer server(answer);
  const Answer got = Fetcher(limits()).fetch(server.url("/0.tar#bytes=100-299"));
  if (std::holds_alternative<Failure>(got.body)) return failure(got);
  ADD_FAILURE() << "a body of " << body(got).size() << " bytes";
  return {.fault = Fault::kBadUrl, .detail = {}};
}
LoopbackServer::Handler sends(int status, std::vector<std::string> headers, std::string bytes) {
  return [=](const HttpRequest&, HttpReply& reply) {
    reply.send_head(status, headers);
    reply.send(bytes);
    reply.close();
  };
}

TEST(HttpRange, IsOneGetOfExactlyThePart) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    reply.send_file(request, kFile, {"ETag: \"v1\"", "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT"});
  });
  Fetcher fetcher(limits());
  const Answer answer = fetcher.fetch(server.url("/0.tar?key=1#bytes=1536-78123"));
  EXPECT_EQ(body(answer), kFile.substr(1536, 78123 - 1536 + 1));
  EXPECT_EQ(answer.whole.bytes, kFile.size());
  EXPECT_THAT(answer.whole.version, HasSubstr("\"v1\""));
  EXPECT_THAT(answer.whole.version, HasSubstr("01 Jan 2024"));
  ASSERT_EQ(server.requests().size(), 1u) << "no HEAD";
  EXPECT_EQ(server.requests()[0].method, "GET");
  EXPECT_EQ(server.requests()[0].path, "/0.tar?key=1");
  EXPECT_EQ(server.requests()[0].headers.at("range"), "bytes=1536-78123");

  EXPECT_EQ(body(fetcher.fetch(server.url("/0.tar#bytes=0-0"))), kFile.substr(0, 1));
  EXPECT_EQ(fetcher.source().counts().bytes, 78123u - 1536 + 2);
}

TEST(HttpRange, LeavesTheNextRequestWhole) {
  LoopbackServer server(
      [](const HttpRequest& request, HttpReply& reply) { reply.send_file(request, kFile.substr(0, 1000)); });
  HttpLimits with = limits();
  with.connections = 1;
  Fetcher fetcher(with);
  EXPECT_EQ(body(fetcher.fetch(server.url("/#bytes=5-9"))).size(), 5u);
  EXPECT_EQ(body(fetcher.fetch(server.url("/"))).size(), 1000u);
  EXPECT_EQ(body(fetcher.fetch(server.url("/#bytes=5-9"))).size(), 5u);
  EXPECT_EQ(server.count("HEAD"), 1);
}

TEST(HttpRange, OverTheCapIsRefusedUnasked) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) { reply.send_file(request, kFile); });
  Fetcher fetcher(limits());
  expect_failure(fetcher.fetch(server.url("/#bytes=0-100000")), Fault::kTooLargeByHead, false);
  EXPECT_TRUE(server.requests().empty());
  EXPECT_EQ(body(fetcher.fetch(server.url("/#bytes=0-99999"))).size(), kCap);
}

TEST(HttpRange, FollowsRedirectsAndIsTriedAgainLikeAnyGet) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/moved") return void(reply.send_answer(302, std::string(5000, ' '), {"Location: /0.tar"}));
    if (request.path == "/busy") return void(reply.send_answer(503, "", {"Retry-After: 2"}));
    reply.send_file(request, kFile);
  });
  Fetcher fetcher(limits());
  EXPECT_EQ(body(fetcher.fetch(server.url("/moved#bytes=10-19"))), kFile.substr(10, 10));
  const Answer busy = fetcher.fetch(server.url("/busy#bytes=10-19"));
  expect_failure(busy, Fault::kHttpStatus, true);
  EXPECT_EQ(failure(busy).retry_after, 2);
}

TEST(HttpRange, AServerThatIgnoresItIsNamedAndCutBeforeTheBody) {
  std::atomic<size_t> sent = 0;
  LoopbackServer server([&](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Connection: close"});
    while (reply.send(std::string(65'536, 'x'))) sent += 65'536;
    reply.close();
  });
  Fetcher fetcher(patient_limits());
  const Answer answer = fetcher.fetch(server.url("/0.tar#bytes=100-299"));
  expect_failure(answer, Fault::kHttpStatus, false);
  EXPECT_EQ(failure(answer).status, 200);
  EXPECT_THAT(failure(answer).detail, HasSubstr("ignores byte ranges"));
  EXPECT_LT(fetcher.source().counts().bytes, 300'000u);
  EXPECT_THAT(refused(sends(200, {"Content-Length: 900000000"}, "")).detail, HasSubstr("ignores byte ranges"));
  EXPECT_THAT(refused(sends(200, {"Content-Length: 0"}, "")).detail, HasSubstr("ignores byte ranges"));
}

TEST(HttpRange, AnotherPartThanTheOneAskedForIsRefused) {
  const std::string part = kFile.substr(100, 200);
  for (const char* range : {"bytes 0-199/300000", "bytes 100-298/300000", "bytes 100-2990/300000", "bytes */300000",
                            "octets 100-299/300000", "bytes 100-299", ""}) {
    const Failure failure = refused(sends(206, {std::string("Content-Range: ") + range}, part));
    EXPECT_EQ(fault_name(failure.fault), fault_name(Fault::kHttpStatus)) << range;
    EXPECT_FALSE(failure.transient) << range;
    EXPECT_THAT(failure.detail, HasSubstr("Content-Range")) << range;
  }
  EXPECT_THAT(refused(sends(206, {"Content-Type: multipart/byteranges; boundary=x"}, part)).detail,
              HasSubstr("Content-Range"));
  EXPECT_EQ(refused(sends(416, {"Content-Length: 0", "Content-Range: bytes */10"}, "")).status, 416);
}

TEST(HttpRange, ABodyOfAnotherLengthIsRefused) {
  const std::string range = "Content-Range: bytes 100-299/300000", part = kFile.substr(100, 200);
  EXPECT_EQ(refused(sends(206, {range, "Content-Length: 199"}, part.substr(1))).fault, Fault::kHttpStatus);
  EXPECT_EQ(refused(sends(206, {range, "Content-Length: 201"}, part + "x")).fault, Fault::kHttpStatus);
  EXPECT_EQ(refused(sends(206, {range, "Content-Length: 200"}, part.substr(1))).fault, Fault::kConnection);
  const Failure shorter = refused(sends(206, {range}, part.substr(1)));
  EXPECT_EQ(shorter.fault, Fault::kConnection);
  EXPECT_TRUE(shorter.transient);
  EXPECT_EQ(refused(sends(206, {range}, "")).fault, Fault::kConnection);
  EXPECT_EQ(refused(sends(206, {range}, part + "x")).fault, Fault::kTooLargeInBody);
}

TEST(HttpRange, OptOutHoldsForPartsToo) {
  EXPECT_EQ(refused([](const HttpRequest& request, HttpReply& reply) {
              reply.send_file(request, kFile, {"X-Robots-Tag: noai"});
            }).fault,
            Fault::kOptOut);
}

TEST(HttpRange, AWholeFileAnsweredBy206IsRefused) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(206, kFile.substr(0, 1000), {"Content-Range: bytes 0-999/1000"});
  });
  HttpLimits with = limits();
  with.head = HeadCheck::kNever;
  expect_failure(fetch(server, with), Fault::kHttpStatus, false);
}

}  // namespace
}  // namespace atelier::test
