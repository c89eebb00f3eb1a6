#include "models/withheld.h"

#include <gtest/gtest.h>

#include "models/keyed.h"

namespace atelier {
namespace {

std::vector<uint64_t> positions(uint64_t count) {
  std::vector<uint64_t> all(count);
  for (uint64_t i = 0; i < count; ++i) all[i] = i;
  return all;
}

double share(const torch::Tensor& mask) { return mask.to(torch::kFloat64).mean().item<double>(); }

struct Shares {
  double label, condition, both;
};

class WithheldShares : public testing::TestWithParam<Shares> {};
INSTANTIATE_TEST_SUITE_P(Settings, WithheldShares,
                         testing::Values(Shares{0.1, 0.1, 0.05}, Shares{0.1, 0, 0}, Shares{0, 0.2, 0},
                                         Shares{0.02, 0.3, 0.02}, Shares{0.9, 0.9, 0.8}, Shares{0.9, 0.1, 0.05}));

TEST_P(WithheldShares, AreTheSettingsAndBothGoTogetherHalfTheTime) {
  const auto [label, condition, both] = GetParam();
  ModelSpec spec;
  spec.label_dropout = label;
  spec.condition_dropout = condition;
  const Withheld withheld = withhold(spec, 3, positions(40'000), torch::kCPU);
  EXPECT_NEAR(share(withheld.labels), label, 0.01);
  EXPECT_NEAR(share(withheld.conditions), condition, 0.01);
  EXPECT_NEAR(share(withheld.labels & withheld.conditions), both, 0.005);
}

TEST(Withheld, FollowsFromSeedAndPosition) {
  ModelSpec spec;
  spec.label_dropout = spec.condition_dropout = 0.5;
  const Withheld all = withhold(spec, 3, positions(64), torch::kCPU);
  const Withheld some = withhold(spec, 3, {40, 7}, torch::kCPU), other = withhold(spec, 4, positions(64), torch::kCPU);
  const torch::Tensor rows = torch::tensor({40, 7});
  EXPECT_TRUE(torch::equal(some.labels, all.labels.index_select(0, rows)));
  EXPECT_TRUE(torch::equal(some.conditions, all.conditions.index_select(0, rows)));
  EXPECT_FALSE(torch::equal(other.labels, all.labels));
  EXPECT_FALSE(torch::equal(other.conditions, all.conditions));
}

TEST(Withheld, LabelsAreTheSameWhateverBecomesOfConditions) {
  ModelSpec spec;
  const torch::Tensor alone = keyed_uniform(3, positions(1000), Purpose::kLabelDropout, torch::kCPU) < 0.1;
  for (const double condition : {0.0, 0.1, 0.9}) {
    spec.condition_dropout = condition;
    EXPECT_TRUE(torch::equal(withhold(spec, 3, positions(1000), torch::kCPU).labels, alone));
  }
}

}  // namespace
}  // namespace atelier
