#include "data/apportionment.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <stdexcept>

#include "base/random.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;

std::vector<uint64_t> parts_of(std::vector<double> weights) { return whole_parts(weights); }

TEST(WholeParts, AreTheSmallestWithTheSameProportions) {
  EXPECT_THAT(parts_of({0.7, 0.3}), ElementsAre(7, 3));
  EXPECT_THAT(parts_of({70, 30}), ElementsAre(7, 3));
  EXPECT_THAT(parts_of({1, 1, 1}), ElementsAre(1, 1, 1));
  EXPECT_THAT(parts_of({5}), ElementsAre(1));
  EXPECT_THAT(parts_of({0.5, 0.125, 0.375}), ElementsAre(4, 1, 3));
  EXPECT_THAT(parts_of({1.0 / 3, 2.0 / 3}), ElementsAre(1, 2));
  EXPECT_THAT(parts_of({0.999999, 0.000001}), ElementsAre(999'999, 1));
  EXPECT_THAT(parts_of({0, 2, 1}), ElementsAre(0, 2, 1));
}

TEST(WholeParts, RoundProportionsThatAreTooFine) {
  const std::vector<double> weights{std::sqrt(2), std::acos(-1), 1e-12, 0};
  const auto parts = parts_of(weights);
  EXPECT_EQ(std::accumulate(parts.begin(), parts.end(), uint64_t{0}), kMostParts);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (size_t i = 0; i < weights.size(); ++i)
    EXPECT_NEAR(static_cast<double>(parts[i]), weights[i] / sum * static_cast<double>(kMostParts), 2) << i;
  EXPECT_EQ(parts[2], 1u);
  EXPECT_EQ(parts[3], 0u);
}

TEST(WholeParts, RefuseWhatIsNoWeight) {
  for (const std::vector<double>& weights :
       {std::vector<double>{}, {0, 0}, {-1, 2}, {NAN, 1}, {INFINITY, 1}, std::vector<double>(kMostParts + 1, 1.0)})
    EXPECT_THROW(whole_parts(weights), std::invalid_argument);
}

TEST(Apportionment, GivesEveryStratumItsShareOfAnyFirstPositions) {
  for (uint64_t trial = 0; trial < 60; ++trial) {
    std::vector<uint64_t> parts;
    for (uint64_t i = 0; i <= random_below(12, 1, trial, Purpose::kOrder); ++i)
      parts.push_back(random_below(trial % 3 == 0 ? 4 : 200, 2, trial, Purpose::kOrder, i));
    const uint64_t whole = std::accumulate(parts.begin(), parts.end(), uint64_t{0});
    if (whole == 0) continue;
    const Apportionment turns(parts);
    std::vector<uint64_t> had(parts.size());
    for (uint64_t position = 0; position < 3 * whole; ++position) {
      const auto turn = turns.at(position);
      ASSERT_EQ(turn.rank, had[turn.stratum]++);
      for (size_t i = 0; i < parts.size(); ++i) {
        const uint64_t exact = (position + 1) * parts[i];
        ASSERT_GE(had[i], exact / whole) << trial << " " << position;
        ASSERT_LE(had[i], (exact + whole - 1) / whole) << trial << " " << position;
      }
    }
  }
}

TEST(Apportionment, CountsTurnsWithoutWalkingThere) {
  const std::vector<uint64_t> parts{7, 1, 0, 5};
  const Apportionment turns(parts);
  std::vector<uint64_t> had(parts.size());
  for (uint64_t position = 0; position < 40; ++position) {
    EXPECT_EQ(turns.counts(position), had);
    ++had[turns.at(position).stratum];
  }
  const uint64_t far = uint64_t{13} << 50;
  EXPECT_EQ(turns.counts(far).at(0), uint64_t{7} << 50);
  EXPECT_EQ(turns.at(far).rank, turns.counts(far).at(turns.at(far).stratum));
}

}  // namespace
}  // namespace atelier
