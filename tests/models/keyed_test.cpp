#include "models/keyed.h"

#include <cmath>
#include <gtest/gtest.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/normalization.h>

namespace atelier {
namespace {

using Positions = std::vector<uint64_t>;

TEST(Keyed, NormalRowsFollowFromTheirPositionAlone) {
  const auto batch = keyed_normal(7, {10, 11, 12}, Purpose::kNoise, {2, 3}, torch::kCPU);
  ASSERT_EQ(batch.sizes(), (std::vector<int64_t>{3, 2, 3}));
  EXPECT_TRUE(torch::equal(batch[1], keyed_normal(7, {11}, Purpose::kNoise, {2, 3}, torch::kCPU)[0]));
  EXPECT_FALSE(torch::equal(batch[0], batch[1]));
  EXPECT_FALSE(torch::equal(batch[0], keyed_normal(8, {10}, Purpose::kNoise, {2, 3}, torch::kCPU)[0]));
  EXPECT_FLOAT_EQ(batch[2][0][1].item<float>(), static_cast<float>(random_normal(7, 12, Purpose::kNoise, 1)));
}

TEST(Keyed, UniformNumbersFollowFromTheirPositionAlone) {
  const auto batch = keyed_uniform(7, {3, 4}, Purpose::kNoiseLevel, torch::kCPU);
  ASSERT_EQ(batch.sizes(), (std::vector<int64_t>{2}));
  EXPECT_TRUE(torch::equal(batch.slice(0, 1), keyed_uniform(7, {4}, Purpose::kNoiseLevel, torch::kCPU)));
  EXPECT_NE(batch[0].item<float>(), batch[1].item<float>());
}

TEST(Keyed, AnEmptyBatchDrawsNothing) {
  EXPECT_EQ(keyed_normal(7, {}, Purpose::kNoise, {2, 3}, torch::kCPU).sizes(), (std::vector<int64_t>{0, 2, 3}));
}

TEST(KeyedDropout, DropsTheAskedShareAndKeepsTheMean) {
  const Positions positions{1, 2};
  const auto y = Dropout{0.25, 5, positions}(torch::ones({2, 40'000}), 0);
  EXPECT_NEAR(y.eq(0).to(torch::kFloat32).mean().item<double>(), 0.25, 0.01);
  EXPECT_NEAR(y.mean().item<double>(), 1, 0.01);
  EXPECT_FLOAT_EQ(y.max().item<float>(), 1 / 0.75f);
}

TEST(KeyedDropout, DiffersBetweenLayersAndSamplesButNotBetweenBatches) {
  const Positions both{1, 2}, second{2};
  const auto ones = torch::ones({2, 64});
  const auto y = Dropout{0.5, 5, both}(ones, 3);
  EXPECT_TRUE(torch::equal(y.slice(0, 1), Dropout{0.5, 5, second}(ones.slice(0, 1), 3)));
  EXPECT_FALSE(torch::equal(y[0], y[1]));
  EXPECT_FALSE(torch::equal(y, Dropout{0.5, 5, both}(ones, 4)));
}

TEST(KeyedDropout, LetsEverythingThroughWithoutPositions) {
  const auto x = torch::arange(8).reshape({2, 4});
  EXPECT_TRUE(Dropout{0.5}(x, 0).is_same(x));
}

/// Convolution, transposed convolution, normalisation, table: what the networks are made of.
struct Parts : torch::nn::Module {
  torch::nn::Conv2d conv{register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(32, 64, 4)))};
  torch::nn::ConvTranspose2d up{
      register_module("up", torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(64, 32, 4).stride(2)))};
  torch::nn::GroupNorm norm{register_module("norm", torch::nn::GroupNorm(4, 32))};
  torch::nn::Embedding table{register_module("table", torch::nn::Embedding(50, 64))};
  torch::Tensor counts = register_buffer("counts", torch::full({3}, 7.0f));
};

TEST(InitialiseWeights, HasTheSpreadOfHeEtAl) {
  Parts parts;
  initialise_weights(parts, 1);
  EXPECT_NEAR(parts.conv->weight.std().item<double>(), std::sqrt(2.0 / (32 * 16)), 1e-3);
  // Each output of the transposed convolution meets 2 x 2 of the 4 x 4 taps.
  EXPECT_NEAR(parts.up->weight.std().item<double>(), std::sqrt(2.0 / (64 * 4)), 1e-3);
  EXPECT_NEAR(parts.table->weight.std().item<double>(), 1, 0.05);
  EXPECT_EQ(parts.conv->bias.abs().sum().item<double>(), 0);
  EXPECT_TRUE(torch::equal(parts.norm->weight, torch::ones({32})));
  EXPECT_EQ(parts.norm->bias.abs().sum().item<double>(), 0);
  EXPECT_TRUE(torch::equal(parts.counts, torch::full({3}, 7.0f)));
}

TEST(InitialiseWeights, TakesTheGivenDeviation) {
  Parts parts;
  initialise_weights(parts, 1, 0.02);
  EXPECT_NEAR(parts.conv->weight.std().item<double>(), 0.02, 1e-3);
  EXPECT_NEAR(parts.up->weight.std().item<double>(), 0.02, 1e-3);
}

TEST(InitialiseWeights, FollowsFromTheSeedAlone) {
  torch::manual_seed(1);
  Parts first;
  torch::manual_seed(2);
  Parts second, other;
  initialise_weights(first, 9);
  initialise_weights(second, 9);
  initialise_weights(other, 10);
  for (const auto& parameter : first.named_parameters())
    EXPECT_TRUE(torch::equal(parameter.value(), second.named_parameters()[parameter.key()])) << parameter.key();
  EXPECT_FALSE(torch::equal(first.conv->weight, other.conv->weight));
}

}  // namespace
}  // namespace atelier
