#include "data/order.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>
#include <vector>

namespace atelier {
namespace {

std::vector<uint64_t> slots(const Order& order, uint64_t first, uint64_t count) {
  std::vector<uint64_t> visited(count);
  for (uint64_t i = 0; i < count; ++i) visited[i] = slot_at(order, first + i);
  return visited;
}

std::vector<uint64_t> sorted(std::vector<uint64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<uint64_t> counting(uint64_t size) {
  std::vector<uint64_t> values(size);
  std::iota(values.begin(), values.end(), uint64_t{0});
  return values;
}

TEST(Order, PermuteIsABijectionOfEverySize) {
  for (const uint64_t size : {1, 2, 3, 4, 5, 7, 16, 17, 100, 1000, 65537}) {
    for (const uint64_t key : {0, 1, 99}) {
      std::vector<uint64_t> image(size);
      for (uint64_t i = 0; i < size; ++i) image[i] = permute(i, size, 42, key);
      EXPECT_EQ(sorted(image), counting(size)) << size << " entries under key " << key;
    }
  }
}

TEST(Order, PermuteStaysInRangeOfHugeLists) {
  for (const uint64_t size : {(uint64_t{1} << 40) + 1, (uint64_t{1} << 63) + 5, ~uint64_t{0}}) {
    for (uint64_t i = 0; i < 100; ++i) EXPECT_LT(permute(size - 1 - i, size, 1, 2), size);
  }
}

// Where an entry lands must be uniform over the keys: chi-square over every (entry, place) pair of a small list. With
// 9 x 9 degrees of freedom and 20,000 keys a fair shuffle exceeds 150 about once in ten thousand times.
TEST(Order, EveryPlaceIsEquallyLikelyForEveryEntry) {
  constexpr uint64_t kSize = 10, kKeys = 20'000;
  std::vector<double> seen(kSize * kSize, 0.0);
  for (uint64_t key = 0; key < kKeys; ++key) {
    for (uint64_t i = 0; i < kSize; ++i) seen[i * kSize + permute(i, kSize, 7, key)] += 1;
  }
  const double expected = static_cast<double>(kKeys) / kSize;
  double chi_square = 0;
  for (const double count : seen) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 150);
}

// Neighbours must not stay neighbours: all ordered pairs of places are as likely for entries 0 and 1 (89 degrees of
// freedom: a fair shuffle exceeds 150 about once in twenty thousand times).
TEST(Order, NeighboursPartCompany) {
  constexpr uint64_t kSize = 10, kKeys = 20'000;
  std::map<std::pair<uint64_t, uint64_t>, double> seen;
  for (uint64_t key = 0; key < kKeys; ++key) seen[{permute(0, kSize, 3, key), permute(1, kSize, 3, key)}] += 1;
  const double expected = static_cast<double>(kKeys) / (kSize * (kSize - 1));
  double chi_square = 0;
  for (const auto& [places, count] : seen) chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_EQ(seen.size(), kSize * (kSize - 1));
  EXPECT_LT(chi_square, 150);
}

TEST(Order, EveryPassVisitsEverySlotOnceInEveryMode) {
  for (const OrderMode mode : {OrderMode::kFull, OrderMode::kWindow, OrderMode::kNone}) {
    for (const uint64_t entries : {1, 2, 3, 7, 100, 1000, 2345}) {
      for (const uint64_t window : {1, 7, 50, 1000, 5000}) {
        const Order order{.seed = 5, .entries = entries, .mode = mode, .window = window};
        for (const uint64_t pass : {0, 1, 12}) {
          EXPECT_EQ(sorted(slots(order, pass * entries, entries)), counting(entries))
              << entries << " entries, window " << window << ", pass " << pass;
        }
      }
    }
  }
}

TEST(Order, PassesAndSeedsDiffer) {
  for (const OrderMode mode : {OrderMode::kFull, OrderMode::kWindow}) {
    const Order order{.seed = 5, .entries = 3000, .mode = mode, .window = 1000};
    Order other = order;
    other.seed = 6;
    const auto first = slots(order, 0, 3000), second = slots(order, 3000, 3000);
    EXPECT_NE(first, second);
    EXPECT_NE(first, slots(other, 0, 3000));
    EXPECT_EQ(pass_of(order, 2999), 0u);
    EXPECT_EQ(pass_of(order, 3000), 1u);
  }
}

TEST(Order, WithoutShufflePositionsCountTheList) {
  const Order order{.seed = 5, .entries = 4, .mode = OrderMode::kNone, .window = 0};
  EXPECT_EQ(slots(order, 2, 6), (std::vector<uint64_t>{2, 3, 0, 1, 2, 3}));
}

// A window of the pass is one window of the list, whole; the short one at the list's end may come anywhere.
TEST(Order, WindowsAreShuffledAndKeepTheirEntriesTogether) {
  const Order order{.seed = 9, .entries = 1050, .mode = OrderMode::kWindow, .window = 100};
  std::set<uint64_t> places_of_short_window;
  for (uint64_t pass = 0; pass < 40; ++pass) {
    const auto visited = slots(order, pass * order.entries, order.entries);
    std::vector<uint64_t> window_order;
    for (uint64_t offset = 0; offset < order.entries;) {
      const uint64_t window = visited[offset] / order.window;
      const uint64_t size = window == 10 ? 50 : 100;
      if (window == 10) places_of_short_window.insert(window_order.size());
      window_order.push_back(window);
      for (uint64_t i = 0; i < size; ++i) EXPECT_EQ(visited[offset + i] / order.window, window);
      offset += size;
    }
    EXPECT_EQ(sorted(window_order), counting(11));
    EXPECT_NE(window_order, counting(11));
  }
  EXPECT_GT(places_of_short_window.size(), 5u);
}

TEST(Order, TheWindowFollowsFromTheBatch) {
  EXPECT_EQ(shuffle_window(1), 1000u);
  EXPECT_EQ(shuffle_window(100), 1000u);
  EXPECT_EQ(shuffle_window(512), 5120u);
}

TEST(Order, SubstitutesCoverTheListAndDifferByAttempt) {
  const Order order{.seed = 5, .entries = 50, .mode = OrderMode::kFull, .window = 0};
  std::set<uint64_t> seen;
  for (uint64_t attempt = 1; attempt <= 600; ++attempt) {
    const uint64_t slot = substitute_at(order, 3, attempt);
    EXPECT_EQ(slot, substitute_at(order, 3, attempt));
    seen.insert(slot);
  }
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(*seen.rbegin(), 49u);
}

TEST(Order, SharesCoverTheBatchWithoutOverlap) {
  for (const uint64_t batch : {1, 3, 8, 32, 97}) {
    for (uint64_t world = 1; world <= 9; ++world) {
      uint64_t next = 0;
      for (uint64_t rank = 0; rank < world; ++rank) {
        const Share share = share_of(rank, world, batch);
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(share.end - share.begin, batch / world + 1);
        next = share.end;
      }
      EXPECT_EQ(next, batch);
    }
  }
}

// Golden vectors of stream version 1. Runs of this version resume into this very order: when one of these changes,
// kStreamVersion must change with it.
TEST(Order, GoldenVectorsOfStreamVersionOne) {
  const Order full{.seed = 7, .entries = 1000, .mode = OrderMode::kFull, .window = 0};
  const Order window{.seed = 7, .entries = 2500, .mode = OrderMode::kWindow, .window = 1000};
  EXPECT_EQ(slots(full, 0, 8), (std::vector<uint64_t>{814, 40, 740, 782, 208, 532, 436, 516}));
  EXPECT_EQ(slots(full, 998, 4), (std::vector<uint64_t>{440, 678, 682, 43}));
  EXPECT_EQ(slots(window, 0, 4), (std::vector<uint64_t>{1875, 1938, 1246, 1178}));
  EXPECT_EQ(slots(window, 2498, 4), (std::vector<uint64_t>{2182, 2306, 2026, 2450}));
  EXPECT_EQ(substitute_at(full, 0, 1), 730u);
  EXPECT_EQ(substitute_at(full, 123456789, 2), 537u);
}

}  // namespace
}  // namespace atelier
