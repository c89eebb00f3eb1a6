#include "data/order_quality.h"

#include <cmath>
#include <gtest/gtest.h>

namespace atelier {
namespace {

constexpr uint64_t kEntries = 20'000;

/// A list sorted by label, as lists often are: ten labels, one after the other.
int64_t label_of(uint64_t slot) { return static_cast<int64_t>(slot * 10 / kEntries); }

OrderQuality quality(OrderMode mode, uint64_t window = 1000) {
  return quality_of({.seed = 3, .entries = kEntries, .mode = mode, .window = window}, label_of);
}

TEST(OrderQuality, OfTheListsOwnOrderIsTheWorst) {
  const OrderQuality none = quality(OrderMode::kNone);
  EXPECT_NEAR(none.rank_correlation, 1, 1e-9);
  EXPECT_NEAR(none.neighbour_distance, 1.0 / kEntries, 1e-9);
  EXPECT_NEAR(none.label_run, kEntries / 10.0, 1e-9);
}

TEST(OrderQuality, OfAFullShuffleIsWhatChanceMakes) {
  const OrderQuality full = quality(OrderMode::kFull), perfect = perfect_quality(kEntries, label_of);
  EXPECT_LT(std::abs(full.rank_correlation), 4 / std::sqrt(kEntries));
  EXPECT_NEAR(full.neighbour_distance, perfect.neighbour_distance, 0.01);
  EXPECT_NEAR(perfect.neighbour_distance, 1.0 / 3, 1e-4);
  EXPECT_NEAR(full.label_run, perfect.label_run, 0.02);
  EXPECT_NEAR(perfect.label_run, 1 / 0.9, 1e-3);
}

TEST(OrderQuality, SeesThatAWindowMixesLess) {
  const OrderQuality window = quality(OrderMode::kWindow);
  EXPECT_LT(window.neighbour_distance, 0.05) << "neighbours stay in their window of a twentieth";
  EXPECT_GT(window.label_run, 500) << "a window of 1,000 has one label of 2,000 rows, or two";
  EXPECT_LT(quality(OrderMode::kWindow, 10'000).label_run, window.label_run);
}

TEST(OrderQuality, OfASmallOrderIsCountedByHand) {
  const Order order{.seed = 0, .entries = 4, .mode = OrderMode::kNone};
  const auto labels = [](uint64_t slot) { return static_cast<int64_t>(slot / 2); };
  EXPECT_DOUBLE_EQ(quality_of(order, labels).label_run, 2);
  EXPECT_DOUBLE_EQ(quality_of(order, labels).neighbour_distance, 0.25);
  EXPECT_DOUBLE_EQ(perfect_quality(4, labels).label_run, 4 / 3.0) << "aabb: two of three changes are to be expected";
}

}  // namespace
}  // namespace atelier
