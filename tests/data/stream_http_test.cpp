#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "tests/data/black_hole.h"
#include "tests/data/stream_fixture.h"
#include "tests/support/loopback_server.h"

// The stream over the real source against a real server that is hostile in every way: each entry fails in its own way,
// and each failure is a verdict with the right fault, while every good entry is delivered.

namespace atelier::test {
namespace {

constexpr uint64_t kGood = 20;
constexpr uint64_t kLimit = 50'000;

class StreamHttpTest : public StreamTest {
 protected:
  StreamHttpTest() : server_([](const HttpRequest& request, HttpReply& reply) { answer(request, reply); }) {
    config_.data.allow_private = true;
    config_.data.max_image_size = kLimit;
    config_.data.head_timeout = 0.5;
    config_.data.get_timeout = 0.7;
    config_.data.sample_deadline = 1.5;
    std::string list;
    for (uint64_t row = 0; row < kGood; ++row) list += line("/good/" + std::to_string(row));
    for (const auto& [path, fault] : kHostile) list += line(path);
    use_list(list + line("/once"));
  }

  std::string line(const std::string& path) const { return "{\"url\":\"" + server_.url(path) + "\"}\n"; }

  static std::string text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  static void answer(const HttpRequest& request, HttpReply& reply) {
    const std::string& path = request.path;
    const bool head = request.method == "HEAD";
    const std::string image = text(picture(7));
    if (path.starts_with("/good/")) {
      reply.send_answer(200, text(picture(std::stoull(path.substr(6)))));
    } else if (path == "/once") {
      static std::atomic<int> times = 0;
      reply.send_answer(times++ == 0 ? 500 : 200, text(picture(99)));
    } else if (path == "/html") {
      reply.send_answer(200, "<html><body>Please log in</body></html>");
    } else if (path == "/truncated") {
      reply.send_answer(200, image.substr(0, image.size() / 2));
    } else if (path == "/large") {
      reply.send_head(200, {"Content-Length: 90000000"});
      reply.close();
    } else if (path == "/lying") {
      if (head) {
        reply.send_answer(200, image);
      } else {
        reply.send_answer(200, std::string(kLimit + 1, 'x'));
      }
    } else if (path == "/endless") {
      reply.send_head(200, {"Connection: close"});
      while (!head && reply.send(std::string(4096, 'x'))) continue;
      reply.close();
    } else if (path == "/drip") {
      reply.send_head(200, {"Content-Length: 1000"});
      while (!head && reply.send("x") && reply.wait(0.1)) continue;
    } else if (path == "/loop") {
      reply.send_answer(302, "", {"Location: /loop"});
    } else {
      reply.send_answer(404, "gone");
    }
  }

  static inline const std::vector<std::pair<std::string, std::vector<Fault>>> kHostile = {
      {"/missing", {Fault::kHttpStatus}},
      {"/html", {Fault::kNotAnImage}},
      {"/truncated", {Fault::kTruncated}},
      {"/large", {Fault::kTooLargeByHead}},
      {"/lying", {Fault::kTooLargeInBody, Fault::kTooLargeByHead}},  // by the length of the GET's own answer
      {"/endless", {Fault::kTooLargeInBody}},
      {"/drip", {Fault::kTimeout}},
      {"/loop", {Fault::kRedirects}},
  };

  /// Two passes, and the ledger after them.
  std::pair<std::vector<Sample>, Verdicts> read_two_passes() const {
    Stream stream(config_, plan());
    std::vector<Sample> samples;
    while (samples.size() < 2 * manifest_->size()) append(samples, stream.next());
    return {samples, stream.state().verdicts};
  }

  LoopbackServer server_;
};

TEST_F(StreamHttpTest, EveryHostileReplyIsItsOwnVerdictAndTheSamplesAreTheSame) {
  const auto [samples, ledger] = read_two_passes();
  for (size_t i = 0; i < kHostile.size(); ++i) {
    const Verdict* verdict = ledger.find(kGood + i);
    ASSERT_NE(verdict, nullptr) << kHostile[i].first;
    EXPECT_THAT(kHostile[i].second, ::testing::Contains(verdict->fault)) << to_json(*verdict);
    EXPECT_EQ(verdict->url, server_.url(kHostile[i].first));
  }
  EXPECT_EQ(ledger.all().size(), kHostile.size()) << ledger.to_jsonl();
  EXPECT_EQ(server_.count("GET", "/large"), 0);
  const auto once = static_cast<int64_t>(kGood + kHostile.size());
  EXPECT_TRUE(std::any_of(samples.begin(), samples.end(), [&](const Sample& sample) { return sample.entry == once; }));
  for (const Sample& sample : samples) EXPECT_TRUE(sample.entry < static_cast<int64_t>(kGood) || sample.entry == once);

  config_.data.threads = 8;
  config_.data.connections = 32;
  EXPECT_EQ(read_two_passes().first, samples);
}

TEST_F(StreamHttpTest, PrivateAddressesAreVerdictsUnlessAllowed) {
  config_.data.allow_private = false;
  Stream stream(config_, plan());
  EXPECT_THROW(stream.next(), HopelessList);
  EXPECT_EQ(stream.ledger().find(0)->fault, Fault::kRefusedAddress);
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(StreamHttpTest, AHostThatSwallowsEveryPacketIsAnOutageAndNoVerdict) {
  const BlackHole hole;
  use_list("{\"url\":\"" + hole.url() + "\"}\n");
  config_.data.head_timeout = 0.1;
  config_.data.sample_deadline = 0.2;
  config_.data.outage_limit = 1;
  Stream stream(config_, plan());
  try {
    stream.next();
    FAIL() << "a batch came out of nothing";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no host could be reached for 1 s"));
  }
  EXPECT_TRUE(stream.ledger().all().empty()) << stream.ledger().to_jsonl();
}

TEST_F(StreamHttpTest, FilesComeTheSameWay) {
  std::string list;
  for (uint64_t row = 0; row < 10; ++row) {
    const std::string name = std::to_string(row) + ".png";
    std::ofstream(folder_ / name, std::ios::binary) << text(picture(row));
    list += "{\"url\":\"" + name + "\"}\n";
  }
  use_list(list + "{\"url\":\"missing.png\"}\n");
  Stream stream(config_, plan());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.next().size, 8);
  ASSERT_TRUE(stream.ledger().has(10));
  EXPECT_EQ(stream.ledger().find(10)->fault, Fault::kMissingFile);
}

}  // namespace
}  // namespace atelier::test
