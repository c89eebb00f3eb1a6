#include "models/diffusion.h"

#include <cmath>
#include <gtest/gtest.h>

#include "models/sampler.h"
#include "tests/models/reference.h"

namespace atelier {
namespace {

/// Double-precision values of the paper's formulas, made by scripts/reference/edm_reference.py.
Reference reference() { return Reference("edm.json"); }

torch::Tensor column(const char* name) { return reference().column(name); }

TEST(Diffusion, PreconditioningIsThePapersTable) {
  const Preconditioning c = precondition(column("sigma").to(torch::kFloat32));
  expect_near(c.skip, column("c_skip"), 1e-6);
  expect_near(c.out, column("c_out"), 1e-6);
  expect_near(c.in, column("c_in"), 1e-6);
  EXPECT_EQ(c.skip.scalar_type(), torch::kFloat32);
  EXPECT_LT((c.noise - column("c_noise")).abs().max().item<double>(), 1e-6);
}

TEST(Diffusion, LossWeightAndNoiseDistributionAreThePapersTable) {
  expect_near(loss_weight(column("sigma").to(torch::kFloat32)), column("weight"), 1e-6);
  expect_near(noise_level(column("z").to(torch::kFloat32)), column("noise_level"), 2e-6);
}

TEST(Diffusion, FixedNoiseLevelsAreTheMiddlesOfEquallyLikelyRanges) {
  for (size_t i = 0; i < kNoiseQuantiles.size(); ++i) {
    const double below = 0.5 * std::erfc(-kNoiseQuantiles[i] / std::sqrt(2.0));
    EXPECT_NEAR(below, (static_cast<double>(i) + 0.5) / static_cast<double>(kNoiseQuantiles.size()), 1e-12);
  }
}

TEST(Diffusion, TheDenoiserMixesItsInputAndTheNetworksAnswer) {
  const torch::Tensor noisy = torch::full({2, 3, 4, 4}, 0.8F), sigma = torch::tensor({0.5F, 2.0F});
  const Network network = [](const torch::Tensor& scaled, const torch::Tensor& c_noise) {
    EXPECT_NEAR(scaled[0][0][0][0].item<float>(), 0.8 / std::sqrt(0.5), 1e-6);  // c_in noisy
    EXPECT_NEAR(c_noise[1].item<float>(), std::log(2.0) / 4, 1e-6);
    return torch::full_like(scaled, 0.25F).to(torch::kBFloat16);
  };
  const torch::Tensor denoised = denoise(network, noisy, precondition(sigma));
  EXPECT_EQ(denoised.scalar_type(), torch::kFloat32);
  EXPECT_NEAR(denoised[0][2][1][3].item<float>(), 0.5 * 0.8 + 0.25 / std::sqrt(0.5) * 0.25, 1e-6);
  EXPECT_NEAR(denoised[1][0][0][0].item<float>(), 0.25 / 4.25 * 0.8 + 1 / std::sqrt(4.25) * 0.25, 1e-6);
}

TEST(Diffusion, TheLossIsTheWeightedMeanSquareOfEachSample) {
  const torch::Tensor pictures = torch::zeros({2, 3, 4, 4});
  torch::Tensor denoised = torch::full({2, 3, 4, 4}, 0.5F);
  denoised[1].fill_(-0.1F);
  const torch::Tensor loss = denoising_loss(denoised, pictures, torch::tensor({8.0F, 5.0F}));
  EXPECT_NEAR(loss[0].item<float>(), 8 * 0.25, 1e-5);
  EXPECT_NEAR(loss[1].item<float>(), 5 * 0.01, 1e-6);
}

TEST(Diffusion, NoiseLevelsOfTheSamplersAreEquation5) {
  const auto expect_same = [](const std::vector<double>& actual, const char* name) {
    const auto expected = reference().numbers(name);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-12 * (1 + expected[i])) << i;
  };
  expect_same(noise_levels(18), "levels_18");
  expect_same(noise_levels(5, 0.01, 10, 3), "levels_5_rho_3");
}

}  // namespace
}  // namespace atelier
