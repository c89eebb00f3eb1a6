#include "train/clock.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace atelier {
namespace {

void advance(Clock& clock, int steps) {
  for (int step = 0; step < steps; ++step) clock.advance();
}

TEST(Clock, CountsPositionsAndStepsFollow) {
  Clock clock(32, 100);
  EXPECT_EQ(clock.step(), 0U);
  advance(clock, 3);
  EXPECT_EQ(clock.position(), 96U);
  EXPECT_EQ(clock.step(), 3U);
  EXPECT_FALSE(clock.finished());
  clock.advance();
  EXPECT_TRUE(clock.finished());
}

TEST(Clock, NamesEveryStepAcrossBatchSizes) {
  Clock clock(8, 1000);
  clock.change_batch(32);  // before the first step: the segment of 8 was never used
  advance(clock, 3);
  clock.change_batch(4);
  advance(clock, 5);
  clock.change_batch(4);  // the same: no new segment
  EXPECT_EQ(clock.position(), 116U);
  EXPECT_EQ(clock.step(), 8U);
  EXPECT_EQ(clock.segments(), (std::vector<Segment>{{0, 0, 32}, {96, 3, 4}}));
}

TEST(Clock, TellsWhereAStepBegan) {
  Clock clock(8, 1000);
  advance(clock, 3);
  clock.change_batch(4);
  advance(clock, 2);
  clock.change_batch(50);
  advance(clock, 1);
  std::vector<Segment> steps;
  for (uint64_t step = 1; step <= clock.step(); ++step) steps.push_back(clock.of_step(step));
  EXPECT_EQ(steps, (std::vector<Segment>{{0, 0, 8}, {8, 1, 8}, {16, 2, 8}, {24, 3, 4}, {28, 4, 4}, {32, 5, 50}}));
  for (const uint64_t none : {0, 7}) EXPECT_THROW(clock.of_step(none), std::out_of_range);
}

TEST(Clock, SurvivesJson) {
  Clock clock(32, 1000);
  advance(clock, 2);
  clock.change_batch(10);
  clock.advance();
  const Clock copy = Clock::from_json(nlohmann::json::parse(clock.to_json().dump()));
  EXPECT_EQ(copy.position(), 74U);
  EXPECT_EQ(copy.step(), 3U);
  EXPECT_EQ(copy.total(), 1000U);
  EXPECT_EQ(copy.segments(), clock.segments());
}

TEST(Clock, RefusesJsonThatDoesNotAddUp) {
  const auto good = Clock(32, 1000).to_json();
  for (const char* patch :
       {R"({"step": 7})", R"({"segments": []})", R"({"segments": [{"position": 5, "step": 0, "batch": 32}]})",
        R"({"segments": [{"position": 0, "step": 0, "batch": 0}]})", R"({"total_positions": 0})",
        R"({"position": "far"})", R"({"segments": null})"}) {
    auto bad = good;
    bad.update(nlohmann::json::parse(patch));
    EXPECT_THROW(Clock::from_json(bad), std::invalid_argument) << patch;
  }
}

}  // namespace
}  // namespace atelier
