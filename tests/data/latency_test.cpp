#include "data/latency.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

namespace atelier {
namespace {

/// The value that a share `q` of `values` does not exceed, by sorting.
double exact_quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values.at(static_cast<size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1);
}

TEST(Latency, QuantilesAreWithinASixteenthOfTheExactOnes) {
  std::mt19937 random(5);
  std::lognormal_distribution<double> spread(-5, 3);  // microseconds to minutes
  for (const size_t count : {1, 2, 3, 10, 1000, 50'000}) {
    Latency latency;
    std::vector<double> values;
    for (size_t i = 0; i < count; ++i) latency.add(values.emplace_back(std::clamp(spread(random), 0.0, 4000.0)));
    for (const double q : {0.01, 0.25, 0.5, 0.9, 0.95, 0.999, 1.0}) {
      const double exact = exact_quantile(values, q);
      EXPECT_NEAR(latency.quantile(q), exact, exact / 16 + 1e-6) << q << " of " << count;
    }
    EXPECT_EQ(latency.max(), *std::ranges::max_element(values));
    EXPECT_EQ(latency.count(), count);
    EXPECT_NEAR(latency.mean(), std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count), 1e-9);
  }
}

TEST(Latency, EveryMicrosecondUpToAMinuteHasItsPlace) {
  for (uint64_t microseconds = 0; microseconds < 60'000'000; microseconds += 1 + microseconds / 100) {
    Latency latency;
    const double seconds = (static_cast<double>(microseconds) + 0.5) / 1e6;
    latency.add(seconds);
    latency.add(5000);  // so that the longest does not bound it
    EXPECT_NEAR(latency.quantile(0.5), seconds, seconds / 16 + 0.6e-6) << microseconds;
  }
}

TEST(Latency, NothingAndTheUnheardOfAreNumbersToo) {
  EXPECT_EQ(Latency().quantile(0.5), 0);
  EXPECT_EQ(Latency().mean(), 0);
  Latency latency;
  latency.add(-1);
  latency.add(1e9);
  EXPECT_LE(latency.quantile(0.5), 1e-6);
  EXPECT_GT(latency.quantile(1), 4000);
}

}  // namespace
}  // namespace atelier
