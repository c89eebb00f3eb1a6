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

TEST(RowSet, OfAllRowsIsEveryRow) {
  const RowSet all = RowSet::all(uint64_t{1} << 40);
  EXPECT_EQ(all.size(), uint64_t{1} << 40);
  EXPECT_EQ(all.at(123'456'789'012), 123'456'789'012u);
  EXPECT_THROW(all.at(all.size()), std::out_of_range);
  EXPECT_TRUE(RowSet().empty());
}

}  // namespace
}  // namespace atelier
