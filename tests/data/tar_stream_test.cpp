#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/open_source.h"
#include "tests/data/stream_fixture.h"
#include "tests/data/tar_fixture.h"
#include "tests/support/loopback_server.h"

// The stream over tars and folders is the stream over the same images in a list.

namespace atelier::test {
namespace {

constexpr uint64_t kPerTar = 20;

class TarStreamTest : public StreamTest {
 protected:
  /// kRows pictures: as files in a list, as files in a folder, and in three tars.
  TarStreamTest() {
    ::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1);
    std::string list;
    for (uint64_t row = 0; row < kRows; ++row) {
      const std::string label = row < kRows / 2 ? "chair" : "sofa", key = key_of(row);
      const std::string name = label + "/" + key + ".png", image = text(picture(row));
      write("files/" + name, image);
      list += R"({"url":"files/)" + name + R"(","label":")" + label + R"(","caption":"c)" + key + "\"}\n";
      tars_[row / kPerTar] += tar_member(key + ".cls", label) + tar_member(key + ".png", image) +
                              tar_member(key + ".txt", "c" + key + "\n");
    }
    for (size_t i = 0; i < tars_.size(); ++i) write("tars/" + std::to_string(i) + ".tar", tars_[i] += kTarEnd);
    use_list(list);
  }
  ~TarStreamTest() override { ::unsetenv("XDG_CACHE_HOME"); }

  static std::string key_of(uint64_t row) { return fmt::format("{:02}", row); }
  static std::string text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  std::string tars() const { return (folder_ / "tars" / "{0..2}.tar").string(); }
  LoopbackServer::Handler serve_tars() const {
    return [this](const HttpRequest& request, HttpReply& reply) {
      reply.send_file(request, tars_.at(static_cast<size_t>(request.path[1] - '0')));
    };
  }

  /// Two passes and a bit of what `list` names, from `start` on.
  std::vector<Sample> stream(const std::string& list, StreamState start = {}) {
    config_.data.list = list;
    manifest_ = open_list(config_.data, {});
    StreamPlan planned = plan();
    const uint64_t end = 136, begin = start.position;
    planned.start = std::move(start);
    Stream stream(config_, planned);
    std::vector<Sample> samples;
    for (uint64_t position = begin; position < end; position += 8) append(samples, stream.next());
    state_ = stream.state();
    return samples;
  }

  std::array<std::string, kRows / kPerTar> tars_;
  StreamState state_;
};

TEST_F(TarStreamTest, OverTarsIsTheStreamOverTheirFiles) {
  for (const Shuffle shuffle : {Shuffle::kFull, Shuffle::kWindow, Shuffle::kNone}) {
    config_.data.shuffle = shuffle;
    const auto expected = stream((folder_ / "list.jsonl").string());
    EXPECT_EQ(stream(tars()), expected);
    EXPECT_TRUE(state_.verdicts.all().empty());
  }
}

TEST_F(TarStreamTest, OverAFolderIsTheStreamOverItsFiles) {
  auto expected = stream((folder_ / "list.jsonl").string());
  for (Sample& sample : expected) sample.caption.clear();
  EXPECT_EQ(stream((folder_ / "files").string()), expected);
}

TEST_F(TarStreamTest, OverTarsOnAServerIsTheSame) {
  LoopbackServer server(serve_tars());
  config_.data.allow_private = true;
  const auto expected = stream(tars());
  EXPECT_EQ(stream(server.url("/{0..2}.tar")), expected);
  EXPECT_EQ(server.count("HEAD"), 0);
  config_.data.connections = 1;
  config_.data.threads = 1;
  EXPECT_EQ(stream(server.url("/{0..2}.tar")), expected);
}

TEST_F(TarStreamTest, GoesOnWhereItWasStopped) {
  const auto expected = stream(tars());
  const auto rest = stream(tars(), {.position = 72, .verdicts = {}});
  EXPECT_EQ(rest, std::vector<Sample>(expected.begin() + 72, expected.end()));
}

TEST_F(TarStreamTest, OverACacheAsksForNothingTwice) {
  LoopbackServer server(serve_tars());
  config_.data.allow_private = true;
  const auto expected = stream(server.url("/{0..2}.tar"));
  config_.data.cache = (folder_ / "store").string();
  EXPECT_EQ(stream(server.url("/{0..2}.tar")), expected);
  const int before = server.count("GET");
  EXPECT_EQ(stream(server.url("/{0..2}.tar")), expected);
  EXPECT_EQ(server.count("GET"), before + 3) << "a look at each tar";
}

TEST_F(TarStreamTest, MembersThatCannotBeHadAreVerdicts) {
  write("tars/0.tar", tar_member("large.png", std::string(5000, 'x')) + tars_[0]);
  stream(tars());
  config_.data.max_image_size = 4999;
  std::filesystem::resize_file(folder_ / "tars" / "2.tar", tars_[2].size() / 2);
  Stream changed(config_, plan());  // of the list as it was
  for (int i = 0; i < 20; ++i) changed.next();
  bool too_large = false, truncated = false;
  const Verdicts verdicts = changed.state().verdicts;
  for (const auto& [row, verdict] : verdicts.all()) {
    too_large |= verdict.fault == Fault::kTooLargeByHead;
    truncated |= verdict.fault == Fault::kTruncated;
    EXPECT_THAT(verdict.url, ::testing::HasSubstr(".tar#bytes="));
  }
  EXPECT_TRUE(too_large);
  EXPECT_TRUE(truncated);
}

}  // namespace
}  // namespace atelier::test
