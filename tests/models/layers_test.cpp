#include "models/layers.h"

#include <cmath>
#include <gtest/gtest.h>

namespace atelier {
namespace {

TEST(Layers, GroupsDivideTheChannelsWithAtLeastFourEach) {
  for (const int64_t channels : {4, 8, 12, 24, 48, 64, 96, 128, 320, 1024}) {
    const int64_t groups = group_norm(channels)->options.num_groups();
    EXPECT_EQ(channels % groups, 0) << channels;
    EXPECT_GE(channels / groups, 4) << channels;
    EXPECT_LE(groups, 32) << channels;
  }
  EXPECT_EQ(group_norm(128)->options.num_groups(), 32);
  EXPECT_EQ(group_norm(48)->options.num_groups(), 12);
}

TEST(Layers, TheLargestDivisorIsAtLeastOne) {
  EXPECT_EQ(largest_divisor(96, 32), 32);
  EXPECT_EQ(largest_divisor(96, 31), 24);
  EXPECT_EQ(largest_divisor(7, 6), 1);
  EXPECT_EQ(largest_divisor(48, 0), 1);
}

TEST(Layers, FourierFeaturesAreCosinesThenSinesFromFrequency1To64) {
  const torch::Tensor features = fourier_features(torch::tensor({0.7F}), 6);
  const std::vector<double> frequencies{1, 8, 64};
  for (int64_t i = 0; i < 3; ++i) {
    const double angle = double{0.7F} * frequencies[static_cast<size_t>(i)];
    EXPECT_NEAR(features[0][i].item<float>(), std::cos(angle), 2e-5);
    EXPECT_NEAR(features[0][3 + i].item<float>(), std::sin(angle), 2e-5);
  }
}

TEST(Layers, AttentionLetsEveryPixelSeeEveryOther) {
  Attention attention(128);
  EXPECT_EQ(attention->heads, 2);
  initialise_weights(*attention, 1);
  const torch::Tensor x = keyed_normal(1, {0}, Purpose::kNoise, {128, 4, 4}, torch::kCPU);
  torch::Tensor moved = x.clone();
  moved.select(2, 0).select(2, 0).add_(torch::linspace(-3, 3, 128).unsqueeze(0));
  const torch::Tensor difference = (attention->forward(moved) - attention->forward(x)).abs().amax(1);  // [1, 4, 4]
  EXPECT_GT(difference.min().item<float>(), 1e-4);
}

TEST(Layers, ABlockIsSteeredByItsEmbedding) {
  Block block(BlockShape{.in = 8, .out = 12, .embedding = 16});
  initialise_weights(*block, 2);
  const torch::Tensor x = keyed_normal(1, {0}, Purpose::kNoise, {8, 6, 6}, torch::kCPU);
  const torch::Tensor one = block->forward(x, torch::zeros({1, 16}), {});
  EXPECT_EQ(one.sizes(), (torch::IntArrayRef{1, 12, 6, 6}));
  EXPECT_GT((block->forward(x, torch::ones({1, 16}), {}) - one).abs().max().item<float>(), 1e-2);
}

}  // namespace
}  // namespace atelier
