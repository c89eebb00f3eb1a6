#include "train/events.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/train/fixtures.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A Python that has the tensorboard package; empty: none was found.
std::string python() {
  const char* chosen = std::getenv("TEST_PYTHON");
  return chosen ? chosen : TEST_PYTHON;
}

class Events : public testing::Test {
 protected:
  /// What the `tensorboard` package reads from the folder: {"scalars": {tag: [[step, value], ...]}, ...}.
  nlohmann::json read_back() const {
    const fs::path answer = temporary_ / "answer.json";
    const std::string command =
        python() + " " ATELIER_SOURCE_DIR "/tests/train/read_events.py " + folder_.string() + " > " + answer.string();
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return nlohmann::json::parse(read_file(answer));
  }

  TemporaryFolder temporary_;
  const fs::path folder_ = temporary_ / "events";
};

// The picture is opaque to the writer; its bytes must come back as they are.
const std::string kPng = std::string("\x89PNG\r\n\x1a\n\0 not really", 20);
std::span<const std::byte> png() { return std::as_bytes(std::span(kPng)); }

TEST_F(Events, StartAsTheFormatSays) {
  { const EventWriter writer(folder_, 0); }
  const std::string bytes = read_file(folder_ / "events.out.tfevents.000000000000.atelier");
  // Length 24 and its masked CRC-32C; then wall_time (9 bytes) and file_version (15 bytes) and theirs.
  ASSERT_EQ(bytes.size(), 8 + 4 + 24 + 4U);
  EXPECT_EQ(bytes.substr(0, 12), std::string("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22", 12));
  EXPECT_EQ(bytes.substr(12 + 9, 15),
            "\x1a\x0d"
            "brain.Event:2");
}

TEST_F(Events, AreReadBackByTensorboard) {
  if (python().empty()) GTEST_SKIP() << "no Python with the tensorboard package was found";
  {
    EventWriter writer(folder_, 0);
    for (uint64_t position = 32; position <= 96; position += 32)
      writer.scalar("loss/generator", position, 1.0 / static_cast<double>(position));
    writer.scalar("far", uint64_t{1} << 40, -2.5);
    writer.image("samples", 96, 300, 200, png());
    writer.text("config", 0, "data:\n  list: é.jsonl");
  }
  const auto seen = read_back();
  EXPECT_EQ(seen["scalars"]["loss/generator"],
            nlohmann::json::parse("[[32, 0.03125], [64, 0.015625], [96, 0.010416666977107525]]"));
  EXPECT_EQ(seen["scalars"]["far"], nlohmann::json::parse("[[1099511627776, -2.5]]"));
  EXPECT_EQ(seen["images"]["samples"][0], (nlohmann::json{96, 300, 200, sha256_hex(png())}));
  EXPECT_EQ(seen["texts"]["config"][0][1], "data:\n  list: é.jsonl");
}

TEST_F(Events, OfAResumedRunReplaceThoseItRedoes) {
  if (python().empty()) GTEST_SKIP() << "no Python with the tensorboard package was found";
  {
    EventWriter first(folder_, 0);
    for (uint64_t position = 10; position <= 50; position += 10) first.scalar("loss", position, 1);
  }
  {
    EventWriter lost(folder_, 40);
    lost.scalar("loss", 45, 2);
  }
  for (int start = 3; start <= 14; ++start) {  // more often than there are digits
    EventWriter resumed(folder_, 30);
    if (start == 3) resumed.scalar("made up for", 30, start);
    resumed.scalar("loss", 40, start);
  }
  const auto seen = read_back();
  EXPECT_EQ(seen["scalars"]["loss"], nlohmann::json::parse("[[10, 1.0], [20, 1.0], [30, 1.0], [40, 14.0]]"));
  EXPECT_EQ(seen["scalars"]["made up for"], nlohmann::json::parse("[[30, 3.0]]"));
  { const EventWriter anew(folder_, 0); }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "nothing is left of a run that begins anew";
}

}  // namespace
}  // namespace atelier
