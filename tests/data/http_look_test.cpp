#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/data/http_fixture.h"
#include "tests/support/temporary_folder.h"

// HttpSource when it only looks: what it learns, and what it leaves alone.

namespace atelier::test {
namespace {

HttpLimits looking() {
  HttpLimits limits = patient_limits();
  limits.look = 1024;
  return limits;
}

bool is_good(const Answer& answer) {
  return std::holds_alternative<std::vector<std::byte>>(answer.body) && body(answer).empty();
}

TEST(HttpLook, AHeadThatTellsAllIsAll) {
  LoopbackServer server([](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(200, std::string(5000, 'x'), {"Content-Type: Image/PNG; charset=none"});
  });
  const Answer answer = fetch(server, looking());
  EXPECT_TRUE(is_good(answer));
  EXPECT_EQ(answer.told.bytes, 5000);
  EXPECT_EQ(answer.told.type, "image/png");
  EXPECT_GT(answer.told.seconds, 0);
  EXPECT_FALSE(answer.told.by_get);
  EXPECT_EQ(server.count("GET"), 0);
}

TEST(HttpLook, WhereHeadIsRefusedTheFirstBytesAreAskedFor) {
  std::string range;
  LoopbackServer server([&](const HttpRequest& request, HttpReply& reply) {
    if (request.method == "HEAD") {
      reply.send_answer(405, "");
      return;
    }
    range = request.headers.at("range");
    reply.send_answer(206, std::string(1024, 'x'), {"Content-Range: bytes 0-1023/50000", "Content-Type: image/jpeg"});
  });
  Fetcher fetcher(looking());
  const Answer answer = fetcher.fetch(server.url());
  EXPECT_TRUE(is_good(answer));
  EXPECT_EQ(range, "bytes=0-1023");
  EXPECT_EQ(answer.told.bytes, 50'000);
  EXPECT_EQ(answer.told.type, "image/jpeg");
  EXPECT_TRUE(answer.told.by_get);
  EXPECT_EQ(fetcher.source().counts().bytes, 1024u);
}

TEST(HttpLook, WhoeverSendsAllIsCutOff) {
  GetServer knows([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 90000"});
    reply.send(std::string(2000, 'x'));
    reply.hang();
  });
  const Answer answer = fetch(knows, looking());
  EXPECT_TRUE(is_good(answer));
  EXPECT_EQ(answer.told.bytes, 90'000);

  GetServer endless([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Connection: close"});
    while (reply.send(std::string(4096, 'x'))) continue;
    reply.close();
  });
  const Answer unknown = fetch(endless, looking());
  EXPECT_TRUE(is_good(unknown));
  EXPECT_EQ(unknown.told.bytes, -1);

  GetServer small([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Connection: close"});
    reply.send("tiny");
    reply.close();
  });
  EXPECT_EQ(fetch(small, looking()).told.bytes, 4);
}

TEST(HttpLook, ContentRangesThatSayNothingAreNoLength) {
  for (const char* range : {"bytes 0-3/*", "bytes 0-3", "bytes 0-3/", "bytes 0-3/-7", "bytes 0-3/many"}) {
    GetServer server([&](const HttpRequest&, HttpReply& reply) {
      reply.send_answer(206, "tiny", {std::string("Content-Range: ") + range});
    });
    const Answer answer = fetch(server, looking());
    EXPECT_TRUE(is_good(answer)) << range;
    EXPECT_LE(answer.told.bytes, 0) << range;
  }
}

TEST(HttpLook, TheLengthOfWhatIsTooLargeIsToldAsWell) {
  LoopbackServer head([](const HttpRequest&, HttpReply& reply) {
    reply.send_head(200, {"Content-Length: 7000000", "Content-Type: image/png"});
  });
  const Answer by_head = fetch(head, looking());
  expect_failure(by_head, Fault::kTooLargeByHead, false);
  EXPECT_EQ(by_head.told.bytes, 7'000'000);

  GetServer part([](const HttpRequest&, HttpReply& reply) {
    reply.send_answer(206, "tiny", {"Content-Range: bytes 0-3/7000000"});
  });
  const Answer by_range = fetch(part, looking());
  expect_failure(by_range, Fault::kTooLargeByHead, false);
  EXPECT_EQ(by_range.told.bytes, 7'000'000);
}

TEST(HttpLook, FailuresAreThoseOfAnyTransfer) {
  LoopbackServer server([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/gone") reply.send_answer(404, "");
    if (request.path == "/busy") reply.send_answer(503, "");
    if (request.path == "/private") reply.send_answer(200, "x", {"X-Robots-Tag: noai"});
    if (request.path == "/part") {
      request.method == "HEAD" ? reply.send_answer(405, "")
                               : reply.send_answer(206, "x", {"X-Robots-Tag: noai", "Content-Range: bytes 0-0/1"});
    }
  });
  Fetcher fetcher(looking());
  expect_failure(fetcher.fetch(server.url("/gone")), Fault::kHttpStatus, false);
  expect_failure(fetcher.fetch(server.url("/busy")), Fault::kHttpStatus, true);
  expect_failure(fetcher.fetch(server.url("/private")), Fault::kOptOut, false);
  expect_failure(fetcher.fetch(server.url("/part")), Fault::kOptOut, false);
}

TEST(HttpLook, FilesAreMeasuredAndNotRead) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a.png") << "12345";
  std::ofstream(folder / "large.png") << std::string(kCap + 1, 'x');
  Fetcher fetcher(looking());
  const Answer answer = fetcher.fetch((folder / "a.png").string());
  EXPECT_TRUE(is_good(answer));
  EXPECT_EQ(answer.told.bytes, 5);
  expect_failure(fetcher.fetch((folder / "none.png").string()), Fault::kMissingFile, false);
  expect_failure(fetcher.fetch(folder.path().string()), Fault::kMissingFile, false);
  expect_failure(fetcher.fetch((folder / "large.png").string()), Fault::kTooLargeByHead, false);
}

}  // namespace
}  // namespace atelier::test
