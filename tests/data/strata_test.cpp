#include "data/strata.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

namespace atelier {
namespace {

using ::testing::ElementsAre;

/// Rows 0..59, 60..89 and 90..99.
std::vector<Stratum> three_lists() {
  return {{"a", RowSet::stretch(0, 60)}, {"b", RowSet::stretch(60, 90)}, {"c", RowSet::stretch(90, 100)}};
}

TEST(StratifiedOrder, OfOneStratumIsTheOrderItself) {
  const Order order{.seed = 7, .entries = 60, .mode = OrderMode::kWindow, .window = 13};
  const StratifiedOrder rows(order, {{"all", RowSet::all(60)}});
  for (uint64_t position = 0; position < 200; ++position) {
    EXPECT_EQ(rows.row_at(position), slot_at(order, position));
    EXPECT_EQ(rows.row_at(position, 3), substitute_at(order, position, 3));
  }
}

TEST(StratifiedOrder, EachStratumHasItsShareAndPassesOfItsOwn) {
  for (const OrderMode mode : {OrderMode::kFull, OrderMode::kWindow, OrderMode::kNone}) {
    const StratifiedOrder rows({.seed = 3, .entries = 0, .mode = mode, .window = 7}, three_lists(),
                               {{.position = 0, .weights = {0.5, 0.25, 0.25}}});
    std::map<uint64_t, std::vector<uint64_t>> drawn;
    for (uint64_t position = 0; position < 240; ++position) {
      const uint64_t stratum = rows.stratum_at(position);
      drawn[stratum].push_back(rows.row_at(position));
      const std::set<uint64_t> substitutes{rows.row_at(position, 1), rows.row_at(position, 2)};
      for (const uint64_t row : substitutes) EXPECT_EQ(row < 60 ? 0 : row < 90 ? 1 : 2, static_cast<int>(stratum));
    }
    ASSERT_EQ(drawn[0].size(), 120u);
    ASSERT_EQ(drawn[1].size(), 60u);
    ASSERT_EQ(drawn[2].size(), 60u);
    for (const auto& [stratum, size] : std::map<uint64_t, size_t>{{0, 60}, {1, 30}, {2, 10}}) {
      for (size_t begin = 0; begin < drawn[stratum].size(); begin += size) {
        const auto from = drawn[stratum].begin() + static_cast<std::ptrdiff_t>(begin);
        EXPECT_EQ(std::set<uint64_t>(from, from + static_cast<std::ptrdiff_t>(size)).size(), size);
      }
    }
  }
}

TEST(StratifiedOrder, StrataOfOneSizeAreShuffledApart) {
  const StratifiedOrder rows({.seed = 3}, {{"a", RowSet::stretch(0, 50)}, {"b", RowSet::stretch(50, 100)}},
                             {{.position = 0, .weights = {1, 1}}});
  int alike = 0;
  for (uint64_t position = 0; position < 100; position += 2)
    alike += rows.row_at(position) + 50 == rows.row_at(position + 1);
  EXPECT_LT(alike, 10);
}

TEST(StratifiedOrder, WeightsChangeWhereTheySayAndNoTurnIsLost) {
  const std::vector<Weighting> weightings{{.position = 0, .weights = {1, 1, 0}},
                                          {.position = 33, .weights = {0, 1, 3}},
                                          {.position = 50, .weights = {1, 0, 0}}};
  const StratifiedOrder changing({.seed = 5}, three_lists(), weightings);
  std::vector<uint64_t> before(3), after(3), last(3);
  std::map<uint64_t, std::vector<uint64_t>> drawn;
  for (uint64_t position = 0; position < 90; ++position) {
    const uint64_t stratum = changing.stratum_at(position);
    ++(position < 33 ? before : position < 50 ? after : last)[stratum];
    drawn[stratum].push_back(changing.row_at(position));
  }
  EXPECT_THAT(before, ElementsAre(17, 16, 0));
  EXPECT_EQ(after[0], 0u);
  EXPECT_THAT(after[1], ::testing::AllOf(::testing::Ge(4u), ::testing::Le(5u)));
  EXPECT_THAT(last, ElementsAre(40, 0, 0));
  EXPECT_EQ(std::set<uint64_t>(drawn[0].begin(), drawn[0].end()).size(), 57u);  // a pass goes on over the change
  EXPECT_EQ(std::set<uint64_t>(drawn[1].begin(), drawn[1].end()).size(), drawn[1].size());

  const StratifiedOrder steady({.seed = 5}, three_lists(), {weightings.front()});
  for (uint64_t position = 0; position < 33; ++position) EXPECT_EQ(steady.row_at(position), changing.row_at(position));
}

TEST(StratifiedOrder, AfterAnOriginBeginsAnew) {
  const std::vector<Weighting> weightings{{.position = 0, .weights = {1, 1, 1}},
                                          {.position = 90, .weights = {1, 0, 1}}};
  const StratifiedOrder rows({.seed = 5}, three_lists(), weightings, 100);
  std::vector<uint64_t> drawn, fresh;
  for (uint64_t position = 100; position < 220; ++position) {
    EXPECT_NE(rows.stratum_at(position), 1u);
    if (rows.stratum_at(position) == 0) drawn.push_back(rows.row_at(position));
  }
  EXPECT_EQ(std::set<uint64_t>(drawn.begin(), drawn.end()).size(), 60u);
  EXPECT_THROW(rows.row_at(99), std::out_of_range);
  const StratifiedOrder first({.seed = 5}, three_lists(), {{.position = 0, .weights = {1, 0, 1}}});
  for (uint64_t position = 0; position < 120; ++position)
    if (first.stratum_at(position) == 0) fresh.push_back(first.row_at(position));
  EXPECT_NE(drawn, fresh);  // not the order that the run began with
}

/// Six strata: three lists in two shapes.
std::vector<Stratum> lists_in_two_shapes() {
  std::vector<Stratum> strata;
  for (const Stratum& list : three_lists()) {
    const uint64_t begin = list.rows.at(0), middle = begin + list.rows.size() / 2, end = begin + list.rows.size();
    strata.push_back({list.name + " wide", RowSet::stretch(begin, middle), 1});
    strata.push_back({list.name + " tall", RowSet::stretch(middle, end), 4});
  }
  return strata;
}

TEST(StratifiedOrder, ShapesTakeTurnsByBlocksAndStrataInsideThem) {
  const std::vector<double> weights{3, 2, 1, 1, 0, 1};  // four of eight for each shape
  const StratifiedOrder rows({.seed = 3}, lists_in_two_shapes(), {{.position = 0, .weights = weights}}, 0, 6);
  std::map<size_t, double> blocks;
  std::map<size_t, std::vector<double>> turns{{1, std::vector<double>(6)}, {4, std::vector<double>(6)}};
  for (uint64_t position = 0; position < 480; ++position) {
    const uint64_t stratum = rows.stratum_at(position);
    const size_t shape = rows.strata()[stratum].shape;
    EXPECT_EQ(shape, rows.strata()[rows.stratum_at(position / 6 * 6)].shape) << "one shape a block";
    if (position % 6 == 0) {
      ++blocks[shape];
      EXPECT_LT(std::abs(blocks[shape] - 0.5 * static_cast<double>(position / 6 + 1)), 1);
    }
    auto& own = turns[shape];
    ++own[stratum];
    const double total = std::accumulate(own.begin(), own.end(), 0.0);
    for (size_t i = shape == 1 ? 0 : 1; i < 6; i += 2) EXPECT_LT(std::abs(own[i] - total * weights[i] / 4), 1);
  }
  EXPECT_EQ(turns[4][4] + turns[1][4], 0) << "a stratum without weight";
}

TEST(StratifiedOrder, AChangeOfWeightsWaitsForTheNextBlockAndNoTurnIsLost) {
  const std::vector<Weighting> weightings{{.position = 0, .weights = {1, 1, 1, 1, 0, 0}},
                                          {.position = 62, .weights = {0, 0, 1, 0, 0, 0}},
                                          {.position = 65, .weights = {0, 1, 0, 1, 0, 0}}};
  const StratifiedOrder rows({.seed = 3}, lists_in_two_shapes(), weightings, 0, 6);
  std::map<uint64_t, std::vector<uint64_t>> drawn;
  for (uint64_t position = 0; position < 120; ++position) {
    const uint64_t stratum = rows.stratum_at(position);
    drawn[stratum].push_back(rows.row_at(position));
    EXPECT_TRUE(position < 66 || stratum == 1 || stratum == 3) << position;
  }
  const StratifiedOrder steady({.seed = 3}, lists_in_two_shapes(), {weightings.front()}, 0, 6);
  for (uint64_t position = 0; position < 66; ++position) EXPECT_EQ(rows.row_at(position), steady.row_at(position));
  for (const auto& [stratum, own] : drawn) {  // passes go on over the change
    const size_t size = rows.strata()[stratum].rows.size();
    for (size_t begin = 0; begin + size <= own.size(); begin += size) {
      const auto from = own.begin() + static_cast<std::ptrdiff_t>(begin);
      EXPECT_EQ(std::set<uint64_t>(from, from + static_cast<std::ptrdiff_t>(size)).size(), size);
    }
  }
}

TEST(StratifiedOrder, RefusesWeightsThatDoNotFit) {
  EXPECT_THROW(StratifiedOrder({.seed = 1}, three_lists(), {{.position = 0, .weights = {1, 1}}}),
               std::invalid_argument);
  auto lists = three_lists();
  lists[1].rows = {};
  EXPECT_THROW(StratifiedOrder({.seed = 1}, lists, {{.position = 0, .weights = {1, 1, 1}}}), std::invalid_argument);
  EXPECT_NO_THROW(StratifiedOrder({.seed = 1}, lists, {{.position = 0, .weights = {1, 0, 1}}}));
}

/// Part of stream version 1: a run is continued by later builds.
TEST(StratifiedOrder, GoldenVectorsOfStreamVersionOne) {
  const StratifiedOrder rows({.seed = 42}, three_lists(), {{.position = 0, .weights = {2, 2, 1}}});
  std::vector<uint64_t> drawn;
  for (uint64_t position = 0; position < 10; ++position) drawn.push_back(rows.row_at(position));
  EXPECT_THAT(drawn, ElementsAre(48, 85, 28, 88, 97, 21, 82, 17, 87, 99));
}

/// Part of stream version 1 as well.
TEST(StratifiedOrder, GoldenVectorsOfShapes) {
  const StratifiedOrder rows({.seed = 42}, lists_in_two_shapes(), {{.position = 0, .weights = {2, 1, 1, 1, 1, 0}}}, 0,
                             4);
  std::vector<uint64_t> drawn;
  for (uint64_t position = 0; position < 12; ++position) drawn.push_back(rows.row_at(position));
  EXPECT_THAT(drawn, ElementsAre(10, 71, 28, 92, 21, 69, 17, 90, 55, 87, 58, 75));
}

}  // namespace
}  // namespace atelier
