#include "train/fault_record.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <sstream>

#include "base/files.h"
#include "tests/train/fixtures.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A run of TwoLines on a list of eight rows, with its record.
class Recorded : public testing::Test {
 protected:
  Recorded() : manifest_(list()), objective_(std::make_unique<TwoLines>()) { start(); }

  fs::path list() const {
    std::ofstream file(folder_ / "list.txt");
    for (int row = 0; row < 8; ++row) file << "https://user:secret@example.org/" << row << ".png\n";
    file.close();
    return folder_ / "list.txt";
  }

  /// From position 0 on, in the same folder.
  void start() {
    Config config = small_config();
    config.train.run_dir = folder_.path();
    trainer_.emplace(objective_, config, small_state(config));
    record_.emplace(folder_.path(), *trainer_, manifest_);
  }

  /// One step on the next four positions; entry = position modulo 8.
  void step() {
    const uint64_t begin = trainer_->clock().position();
    const Examples examples = examples_at(begin, 4);
    Batch batch;
    batch.size = 4;
    for (uint64_t position : examples.positions) {
      batch.positions.push_back(static_cast<int64_t>(position));
      batch.entries.push_back(static_cast<int64_t>(position % 8));
    }
    const StepResult result = trainer_->step(examples);
    record_->step(batch, examples, result, [&](const std::string& sentence) { said_.push_back(sentence); });
  }
  void steps(int count) {
    for (int i = 0; i < count; ++i) step();
  }

  std::vector<json> lines() const {
    std::istringstream text(read_file(folder_ / "faults.jsonl"));
    std::vector<json> all;
    for (std::string line; std::getline(text, line);) all.push_back(json::parse(line));
    return all;
  }

  TemporaryFolder folder_;
  Manifest manifest_;
  Planted objective_;
  std::optional<Trainer> trainer_;
  std::optional<FaultRecord> record_;
  std::vector<std::string> said_;
};

TEST_F(Recorded, HasTheBatchTheSampleAndThePlace) {
  objective_.not_a_number = {10};
  steps(2);
  EXPECT_FALSE(fs::exists(folder_ / "faults.jsonl"));
  steps(2);
  ASSERT_EQ(lines().size(), 1U);
  const json line = lines().front();
  const json wanted = {{"position", 12},        {"step", 3},
                       {"player", "generator"}, {"what", "loss"},
                       {"in_a_row", 1},         {"replay", "reproduced"},
                       {"pass", "forward"},     {"module", ""},
                       {"follows", true},       {"operator", "aten::fill_"},
                       {"not_finite", {10}}};
  for (const auto& [field, value] : wanted.items()) EXPECT_EQ(line[field], value) << field;
  ASSERT_EQ(line["samples"].size(), 4U);
  EXPECT_EQ(line["samples"][2], (json{{"position", 10}, {"entry", 2}, {"url", "https://***@example.org/2.png"}}));
  EXPECT_THAT(said_, ElementsAre(AllOf(HasSubstr("step 3: the loss of the generator was not finite"),
                                       HasSubstr("before any module (aten::fill_), forward"),
                                       HasSubstr("entry 2 (https://***@example.org/2.png)."),
                                       HasSubstr("faults.jsonl has the batch"))));
}

TEST_F(Recorded, SaysSoWhenTheReplayIsFinite) {
  objective_.not_a_number = {2};
  objective_.times = 2;  // both players' turns, and not again
  step();
  EXPECT_EQ(lines().front()["replay"], "not reproduced");
  EXPECT_FALSE(lines().front().contains("module"));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("did not happen again when the batch was replayed")));
}

TEST_F(Recorded, OutlivesAReplayThatFails) {
  objective_.not_a_number = {2, 5};
  objective_.times = 2;
  objective_.fails_then = true;
  step();
  EXPECT_EQ(lines().front()["replay"], "failed");
  EXPECT_THAT(said_, ElementsAre(HasSubstr("could not be replayed")));
  objective_.times = 100;
  step();
  EXPECT_EQ(lines().back()["in_a_row"], 2) << "the run goes on";
  step();
  EXPECT_EQ(trainer_->state().skips_in_a_row, 0U);
}

TEST_F(Recorded, ReplaysAndSaysOnlyTheFirstOfARow) {
  for (uint64_t position = 4; position < 24; ++position) objective_.not_a_number.insert(position);
  steps(7);
  ASSERT_EQ(lines().size(), 5U);
  EXPECT_EQ(lines()[0]["replay"], "reproduced");
  for (size_t i = 1; i < 5; ++i) {
    EXPECT_EQ(lines()[i]["replay"], "none");
    EXPECT_EQ(lines()[i]["in_a_row"], i + 1);
    EXPECT_EQ(lines()[i]["samples"].size(), 4U);
  }
  EXPECT_THAT(said_, ElementsAre(HasSubstr("All 4 samples"), HasSubstr("finite again, after 5 steps in a row")));
}

TEST_F(Recorded, NamesGradientsWhereTheLossIsFinite) {
  objective_.steep = true;
  step();
  EXPECT_EQ(lines().front()["what"], "gradients");
  EXPECT_EQ(lines().front()["pass"], "backward");
  EXPECT_TRUE(lines().front()["not_finite"].empty());
}

TEST_F(Recorded, LosesWhatLiesBehindTheCheckpoint) {
  objective_.not_a_number = {1, 9, 13};
  steps(4);
  ASSERT_EQ(lines().size(), 3U);
  start();
  EXPECT_TRUE(lines().empty());
  steps(1);
  EXPECT_EQ(lines().size(), 1U);
}

TEST_F(Recorded, SaysThatARowEndedWhichBeganBeforeAStop) {
  for (uint64_t position = 0; position < 12; ++position) objective_.not_a_number.insert(position);
  steps(3);
  said_.clear();
  record_.emplace(folder_.path(), *trainer_, manifest_);
  step();
  EXPECT_THAT(said_, ElementsAre(HasSubstr("finite again, after 3 steps in a row")));
}

TEST_F(Recorded, StopsRecordingAtTheLimit) {
  std::ofstream file(folder_ / "faults.jsonl");
  for (uint64_t i = 0; i + 1 < FaultRecord::kMostLines; ++i)
    file << R"({"position": 0})"
         << "\n";
  file.close();
  start();
  objective_.not_a_number = {1, 9, 17};
  steps(6);
  EXPECT_EQ(lines().size(), FaultRecord::kMostLines);
  EXPECT_EQ(lines().back()["step"], 1);
  EXPECT_THAT(said_, ElementsAre(HasSubstr("step 1: the loss"), HasSubstr("is full"))) << "the third is silent";
  EXPECT_EQ(trainer_->state().skipped, 6U) << "but counted: two players in three steps";
}

}  // namespace
}  // namespace atelier
