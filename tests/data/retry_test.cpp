#include "data/retry.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <utility>

namespace atelier {
namespace {

TEST(Retry, WaitsAnywhereFromNothingToTwiceAsLongEachTime) {
  for (const auto& [tries, longest] :
       {std::pair{1, 0.5}, std::pair{2, 1.0}, std::pair{5, 8.0}, std::pair{7, 30.0}, std::pair{1'000'000, 30.0}}) {
    double least = 1e9, most = 0, sum = 0;
    constexpr int kPositions = 10'000;
    for (uint64_t position = 0; position < kPositions; ++position) {
      const double delay = retry_delay(7, position, tries, 0);
      EXPECT_EQ(delay, retry_delay(7, position, tries, 0));
      least = std::min(least, delay);
      most = std::max(most, delay);
      sum += delay;
    }
    EXPECT_GE(least, 0) << tries;
    EXPECT_LT(least, longest / 100) << tries;
    EXPECT_GT(most, longest * 0.99) << tries;
    EXPECT_LE(most, longest) << tries;
    EXPECT_NEAR(sum / kPositions, longest / 2, longest / 50) << tries;
  }
}

TEST(Retry, WaitsAtLeastAsLongAsTheServerAsked) {
  EXPECT_EQ(retry_delay(7, 3, 1, 100), 100);
  EXPECT_EQ(retry_delay(7, 3, 7, 0.000'001), retry_delay(7, 3, 7, 0));
}

TEST(Retry, DrawsAnewForEveryPositionTryAndSeed) {
  const double delay = retry_delay(7, 3, 10, 0);
  EXPECT_NE(delay, retry_delay(7, 4, 10, 0));
  EXPECT_NE(delay, retry_delay(7, 3, 11, 0));
  EXPECT_NE(delay, retry_delay(8, 3, 10, 0));
}

}  // namespace
}  // namespace atelier
