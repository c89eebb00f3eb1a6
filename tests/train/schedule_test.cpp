#include "train/schedule.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

TrainConfig config_of(RateSchedule schedule) {
  TrainConfig config;
  config.learning_rate = 0.01;
  config.warmup = 1000;
  config.rate_schedule = schedule;
  return config;
}

TEST(Schedule, WarmsUpLinearlyThenStays) {
  const auto config = config_of(RateSchedule::kConstant);
  EXPECT_EQ(learning_rate(config, 0, 10'000), 0);
  EXPECT_DOUBLE_EQ(learning_rate(config, 250, 10'000), 0.0025);
  EXPECT_DOUBLE_EQ(learning_rate(config, 999.5, 10'000), 0.009995);
  for (const double position : {1000.0, 1001.0, 5000.0, 10'000.0, 20'000.0})
    EXPECT_EQ(learning_rate(config, position, 10'000), 0.01);
}

TEST(Schedule, FallsToZeroAlongHalfACosine) {
  const auto config = config_of(RateSchedule::kCosine);
  EXPECT_DOUBLE_EQ(learning_rate(config, 500, 9000), 0.005);
  EXPECT_DOUBLE_EQ(learning_rate(config, 1000, 9000), 0.01);
  EXPECT_NEAR(learning_rate(config, 3000, 9000), 0.01 * 0.853553390593, 1e-12);  // (1 + cos(pi / 4)) / 2
  EXPECT_NEAR(learning_rate(config, 5000, 9000), 0.005, 1e-12);
  EXPECT_NEAR(learning_rate(config, 9000, 9000), 0, 1e-12);
  EXPECT_NEAR(learning_rate(config, 9500, 9000), 0, 1e-12) << "past the end it does not rise again";
}

TEST(Schedule, StandsRunsShorterThanTheirWarmUp) {
  const auto config = config_of(RateSchedule::kCosine);
  EXPECT_DOUBLE_EQ(learning_rate(config, 500, 800), 0.005);
  EXPECT_DOUBLE_EQ(learning_rate(config, 1000, 1000), 0.01);
}

TEST(Schedule, NeedsNoWarmUp) {
  auto config = config_of(RateSchedule::kConstant);
  config.warmup = 0;
  EXPECT_EQ(learning_rate(config, 0, 100), 0.01);
}

}  // namespace
}  // namespace atelier
