#include "data/pace.h"

#include <gtest/gtest.h>
#include <utility>
#include <vector>

namespace atelier {
namespace {

using Late = Pace::Late;

/// What is said of an answer that has so many bytes after so many seconds: first byte within 2 s, 100 bytes/s over 10
/// s.
std::optional<Late> judged(const std::vector<std::pair<double, uint64_t>>& looks, bool sent = true) {
  Pace pace({.first_byte = 2, .slow_window = 10, .slowest = 100});
  const SteadyClock::time_point start;
  for (const auto& [seconds, bytes] : looks)
    if (const auto late = pace.judge(start + to_clock(seconds), sent, bytes)) return late;
  return std::nullopt;
}

TEST(Pace, WaitsForTheFirstByteFromWhenTheRequestWasSent) {
  EXPECT_EQ(judged({{0, 0}, {1.9, 0}, {1.95, 1}, {5, 1}}), std::nullopt);
  EXPECT_EQ(judged({{0, 0}, {1, 0}, {2, 0}}), Late::kSilent);
  EXPECT_EQ(judged({{50, 0}, {51.9, 0}}), std::nullopt);
  EXPECT_EQ(judged({{0, 0}, {100, 0}}, false), std::nullopt);
}

TEST(Pace, WantsEveryWindowToBringItsShare) {
  EXPECT_EQ(judged({{0, 0}, {1, 10}, {11.1, 1010}, {21.2, 2010}, {31.3, 3010}}), std::nullopt);
  EXPECT_EQ(judged({{0, 0}, {1, 10}, {11.1, 1009}}), Late::kSlow);
  EXPECT_EQ(judged({{0, 0}, {1, 10}, {11.1, 5000}, {21.2, 5999}}), Late::kSlow) << "it came to a halt later";
  EXPECT_EQ(judged({{0, 0}, {1, 1'000'000}, {10.9, 1'000'000}}), std::nullopt) << "not before the window is over";
  EXPECT_EQ(judged({{0, 0}, {1, 500}, {12, 500}}), Late::kSlow);
}

}  // namespace
}  // namespace atelier
