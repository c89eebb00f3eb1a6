#include "data/row_set.h"

#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

#include "base/random.h"

namespace atelier {
namespace {

TEST(RowSet, HoldsTheRowsThatItWasMadeOfInOrder) {
  for (const double share : {0.0, 0.001, 0.3, 0.999, 1.0}) {
    for (const uint64_t rows : {1u, 63u, 64u, 65u, 4095u, 4096u, 4097u, 20'000u}) {
      const auto is_in = [&](uint64_t row) { return random_uniform(3, row, Purpose::kHeldOut) < share; };
      std::vector<uint64_t> expected;
      for (uint64_t row = 0; row < rows; ++row)
        if (is_in(row)) expected.push_back(row);
      const RowSet set = RowSet::of(rows, is_in);
      ASSERT_EQ(set.size(), expected.size());
      EXPECT_EQ(set.empty(), expected.empty());
      for (uint64_t rank = 0; rank < set.size(); ++rank)
        ASSERT_EQ(set.at(rank), expected[rank]) << rows << " " << share;
      EXPECT_THROW(set.at(set.size()), std::out_of_range);
    }
  }
}

TEST(RowSet, PartsHoldEachRowOnceInOrder) {
  constexpr uint64_t kRows = 30'000, kClasses = 6;
  // A stretch, a few rows far apart, nothing, and three that share the rest.
  const auto class_of = [](uint64_t row) -> uint64_t {
    if (row >= 5'000 && row < 9'000) return 0;
    if (row % 5'001 == 0) return 1;
    return 3 + random_below(3, 1, row, Purpose::kHeldOut);
  };
  const std::vector<RowSet> sets{RowSet::all(kRows), RowSet::stretch(4'999, 20'000),
                                 RowSet::of(kRows, [](uint64_t row) { return row % 3 != 1; }),
                                 RowSet::of(kRows, [](uint64_t row) { return row % 1'000 < 2; })};
  for (const RowSet& set : sets) {
    std::vector<std::vector<uint64_t>> expected(kClasses);
    for (uint64_t rank = 0; rank < set.size(); ++rank) expected[class_of(set.at(rank))].push_back(set.at(rank));
    const std::vector<RowSet> parts = set.parted(kClasses, class_of);
    ASSERT_EQ(parts.size(), kClasses);
    for (uint64_t part = 0; part < kClasses; ++part) {
      ASSERT_EQ(parts[part].size(), expected[part].size()) << part;
      for (uint64_t rank = 0; rank < parts[part].size(); ++rank)
        ASSERT_EQ(parts[part].at(rank), expected[part][rank]) << part;
    }
  }
  const RowSet again = sets[2].parted(kClasses, class_of)[1].parted(1, [](uint64_t) { return 0; })[0];
  EXPECT_EQ(again.size(), 5u);
}

TEST(RowSet, OfAllRowsIsEveryRow) {
  const RowSet all = RowSet::all(uint64_t{1} << 40);
  EXPECT_EQ(all.size(), uint64_t{1} << 40);
  EXPECT_EQ(all.at(123'456'789'012), 123'456'789'012u);
  EXPECT_THROW(all.at(all.size()), std::out_of_range);
  EXPECT_TRUE(RowSet().empty());
}

}  // namespace
}  // namespace atelier
