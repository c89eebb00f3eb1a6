#include "train/loss_ranking.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace atelier {
namespace {

TEST(LossRanking, ComparesWithTheOthersOfTheSameQuarter) {
  // Quarters by noise level: {0, 1}, {2, 3}, {4, 5}, {6, 7}, whose mean losses are 2, 20, 0.2 and 1.
  LossRanking ranking;
  ranking.add({{.entry = 7, .loss = 1, .noise_level = 80},
               {.entry = 2, .loss = 10, .noise_level = 0.3},
               {.entry = 0, .loss = 1, .noise_level = 0.1},
               {.entry = 4, .loss = 0.34, .noise_level = 1},
               {.entry = 3, .loss = 30, .noise_level = 0.4},
               {.entry = 1, .loss = 3, .noise_level = 0.2},
               {.entry = 5, .loss = 0.06, .noise_level = 2},
               {.entry = 6, .loss = 1, .noise_level = 9}});
  const auto worst = ranking.worst(5);
  ASSERT_EQ(worst.size(), 5U);
  const uint64_t entries[] = {4, 1, 3, 6, 7};
  const double relative[] = {1.7, 1.5, 1.5, 1, 1}, loss[] = {0.34, 3, 30, 1, 1};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(worst[i].entry, entries[i]) << i;
    EXPECT_NEAR(worst[i].relative, relative[i], 1e-12);
    EXPECT_EQ(worst[i].loss, loss[i]);
    EXPECT_EQ(worst[i].seen, 1U);
  }
}

TEST(LossRanking, DoesNotBlameThoseThatWereSeenEarly) {
  // Losses fall from 100 to 1; entry 3 is twice as bad as the others each time, but only seen late.
  LossRanking ranking;
  for (const double level : {100.0, 1.0})
    for (uint64_t step = 0; step < LossRanking::kStretch / 4; ++step) {
      const bool late = level == 1;
      ranking.add({{.entry = late ? 3U : 0U, .loss = late ? 2 * level : level},
                   {.entry = 1, .loss = level},
                   {.entry = 2, .loss = level},
                   {.entry = 2, .loss = level}});
    }
  const auto worst = ranking.worst(10);
  ASSERT_EQ(worst.size(), 4U) << "no more than there are";
  EXPECT_EQ(worst[0].entry, 3U);
  EXPECT_NEAR(worst[0].relative, 2 / 1.25, 1e-12);
  EXPECT_EQ(worst[0].seen, LossRanking::kStretch / 4);
  EXPECT_EQ(worst[0].loss, 2);
  EXPECT_EQ(worst[1].entry, 0U);
  EXPECT_EQ(worst[2].seen + worst[3].seen, LossRanking::kStretch * 3 / 2);
}

TEST(LossRanking, LeavesOutWhatWasNotFinite) {
  LossRanking ranking;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ranking.add({{.entry = 0, .loss = nan}, {.entry = 1, .loss = 2}, {.entry = 0, .loss = 4}});
  ranking.add({{.entry = 2, .loss = nan}, {.entry = 3, .loss = 0}});
  const auto worst = ranking.worst(10);
  ASSERT_EQ(worst.size(), 3U) << "of entry 2 nothing is known";
  EXPECT_EQ(worst[0].entry, 0U);
  EXPECT_EQ(worst[0].seen, 1U);
  EXPECT_EQ(worst[0].loss, 4);
  EXPECT_DOUBLE_EQ(worst[0].relative, 2);
  EXPECT_TRUE(LossRanking().worst(3).empty());
}

}  // namespace
}  // namespace atelier
