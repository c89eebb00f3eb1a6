#include "train/loss_log.h"

#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <sstream>

#include "base/files.h"
#include "tests/train/fixtures.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kPlayers{"discriminator", "generator"};

/// What a step at `clock` might have given: numbers that float32 has no short decimals for.
StepResult result_at(const Clock& clock) {
  StepResult result;
  result.sample_losses.resize(kPlayers.size());
  for (uint64_t sample = 0; sample < clock.batch(); ++sample) {
    const auto position = static_cast<float>(clock.position() + sample);
    result.sample_losses[0].push_back(position / 3);
    result.sample_losses[1].push_back(1e-6F * position);
  }
  return result;
}

class LossLogging : public testing::Test {
 protected:
  /// `count` steps from `clock` on.
  void steps(Clock& clock, int count, bool wanted = true) {
    const LossLog log(folder_.path(), clock.position(), wanted);
    for (int i = 0; i < count; ++i) {
      const StepResult result = result_at(clock);
      clock.advance();
      log.step(clock, kPlayers, result);
    }
  }
  std::vector<uint64_t> logged(uint64_t begin = 0, uint64_t end = 1'000'000) const {
    std::vector<uint64_t> steps;
    LoggedLosses(folder_.path()).each_between(begin, end, [&](const StepLosses& line) {
      steps.push_back(line.step);
      return true;
    });
    return steps;
  }
  fs::path file() const { return folder_ / "losses.jsonl"; }

  TemporaryFolder folder_;
};

TEST_F(LossLogging, KeepsEveryBitOfEverySample) {
  Clock clock(4, 1000);
  steps(clock, 3);
  clock.change_batch(6);
  steps(clock, 40);
  const LoggedLosses log(folder_.path());
  Clock again(4, 1000);
  for (int step = 0; step < 43; ++step) {
    if (step == 3) again.change_batch(6);
    const auto line = log.of_step_at(again.position());
    ASSERT_TRUE(line) << step;
    const StepResult wanted = result_at(again);
    EXPECT_EQ(line->begin(), again.position());
    again.advance();
    EXPECT_EQ(line->step, again.step());
    EXPECT_EQ(line->position, again.position());
    ASSERT_EQ(line->players.size(), 2U);
    for (size_t player = 0; player < 2; ++player) {
      EXPECT_EQ(line->players[player].first, kPlayers[player]);
      EXPECT_EQ(line->players[player].second, wanted.sample_losses[player]) << "the very numbers";
    }
  }
  EXPECT_FALSE(log.of_step_at(again.position())) << "not made yet";
  EXPECT_FALSE(log.of_step_at(5)) << "no step began there";
  EXPECT_THAT(logged(8, 24), ElementsAre(3, 4, 5)) << "whole steps only";
  EXPECT_THAT(logged(9, 29), ElementsAre(4, 5));
}

TEST_F(LossLogging, SaysNullForWhatIsNotFinite) {
  Clock clock(4, 1000);
  StepResult result;
  result.sample_losses = {{0.5F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1}};
  clock.advance();
  LossLog(folder_.path(), 0, true).step(clock, {"denoiser"}, result);
  EXPECT_EQ(read_file(file()), "{\"position\":4,\"step\":1,\"losses\":{\"denoiser\":[0.5,null,null,1]}}\n");
  const auto line = LoggedLosses(folder_.path()).of_step_at(0);
  ASSERT_TRUE(line);
  EXPECT_TRUE(std::isnan(line->players[0].second[1]));
  EXPECT_EQ(line->players[0].second[3], 1);
}

TEST_F(LossLogging, GoesOnInOrderAfterAStop) {
  Clock clock(4, 10'000);
  steps(clock, 60);
  const std::string whole = read_file(file());
  for (const int kept : {0, 1, 2, 9, 10, 31, 59, 60}) {
    publish_file(file(), whole + "{\"position\":9,\"st");  // cut off by a kill
    Clock resumed(4, 10'000);
    for (int i = 0; i < kept; ++i) resumed.advance();
    steps(resumed, 60 - kept);
    if (kept < 60) {
      EXPECT_EQ(read_file(file()), whole) << kept;
    } else {
      EXPECT_EQ(read_file(file()), whole) << "only what was cut off is gone";
    }
  }
}

TEST_F(LossLogging, LosesNothingBehindALineThatIsNone) {
  Clock clock(4, 10'000);
  steps(clock, 60);
  const std::string whole = read_file(file());
  for (const int torn : {0, 14, 29, 30, 31, 45, 57}) {
    std::istringstream lines(whole);
    std::string damaged;
    int number = 0;
    for (std::string line; std::getline(lines, line); ++number)
      damaged += (number == torn ? std::string(40, '?') : line) + "\n";
    publish_file(file(), damaged);
    Clock resumed(4, 10'000);
    for (int i = 0; i < 60; ++i) resumed.advance();
    steps(resumed, 1);
    EXPECT_TRUE(read_file(file()).starts_with(damaged)) << torn;
    EXPECT_EQ(logged(4 * 59), (std::vector<uint64_t>{60, 61})) << torn;
  }
}

TEST_F(LossLogging, LosesWhatIsBeyondEvenIfNothingMoreIsWanted) {
  Clock clock(4, 1000);
  steps(clock, 20);
  Clock resumed(4, 1000);
  for (int i = 0; i < 12; ++i) resumed.advance();
  steps(resumed, 5, /*wanted=*/false);
  EXPECT_EQ(logged().back(), 12U);
  steps(resumed, 2);
  EXPECT_EQ(logged().size(), 14U);
  EXPECT_FALSE(LoggedLosses(folder_.path()).of_step_at(48)) << "step 13 was not logged";
  EXPECT_EQ(LoggedLosses(folder_.path()).of_step_at(68)->step, 18U);

  Clock anew(4, 1000);
  steps(anew, 1, /*wanted=*/false);
  EXPECT_FALSE(fs::exists(file())) << "a run that begins anew";
}

TEST_F(LossLogging, LeavesNoHalfLineOnAFullDisk) {
  Clock clock(4, 1000);
  steps(clock, 2);
  const std::string before = read_file(file());
  {
    const FullDisk full(before.size() + 30);
    EXPECT_THROW(steps(clock, 1), std::runtime_error);
  }
  EXPECT_EQ(read_file(file()), before);
  steps(clock, 2);  // the step whose line was lost has been made
  EXPECT_THAT(logged(), ElementsAre(1, 2, 4, 5));
}

TEST_F(LossLogging, IsReadWhileARunWritesIt) {
  EXPECT_FALSE(LoggedLosses(folder_.path()).exist());
  EXPECT_THAT(logged(), ElementsAre());
  Clock clock(4, 1000);
  steps(clock, 5);
  std::ofstream(file(), std::ios::app) << R"({"position":24,"step":6,"losses":{"discriminator":[1,)";
  EXPECT_TRUE(LoggedLosses(folder_.path()).exist());
  EXPECT_THAT(logged(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(LoggedLosses(folder_.path()).of_step_at(16)->step, 5U);
  EXPECT_FALSE(LoggedLosses(folder_.path()).of_step_at(20));
}

TEST_F(LossLogging, RefusesWhatItDidNotWrite) {
  for (const char* line :
       {"{}", "losses", R"({"position":4,"step":1,"losses":{}})", R"({"position":4,"step":1,"losses":{"a":[]}})",
        R"({"position":4,"step":1,"losses":{"a":[1,2,3,4],"b":[1]}})",
        R"({"position":1,"step":1,"losses":{"a":[1,2]}})", R"({"position":4,"step":1,"losses":{"a":["1"]}})",
        R"({"position":"4","step":1,"losses":{"a":[1]}})"}) {
    publish_file(file(), std::string(line) + "\n");
    EXPECT_THROW(logged(), std::invalid_argument) << line;
    EXPECT_THROW(LoggedLosses(folder_.path()).of_step_at(0), std::invalid_argument) << line;
  }
  Clock clock(4, 1000);
  publish_file(file(), "");
  steps(clock, 1);
  const auto size = fs::file_size(file());
  std::ofstream(file(), std::ios::app) << "torn\n";
  try {
    logged();
    FAIL() << "the torn line was read";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("the line at byte " + std::to_string(size) + " of " + file().string()));
  }
}

}  // namespace
}  // namespace atelier
