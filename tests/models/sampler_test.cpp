#include "models/sampler.h"

#include <cmath>
#include <gtest/gtest.h>

namespace atelier {
namespace {

/// Pictures whose pixels are normal with mean kMean and deviation kDeviation: their best denoiser is known in closed
/// form, and so is the ODE's path: x - kMean grows as sqrt(kDeviation^2 + sigma^2).
constexpr double kMean = 0.3, kDeviation = 0.5;

torch::Tensor gaussian_denoiser(const torch::Tensor& x, double sigma) {
  const double data = kDeviation * kDeviation, noise = sigma * sigma;
  return (data * x + noise * kMean) / (data + noise);
}

torch::Tensor exact(const torch::Tensor& x, double from, double to) {
  return kMean + (x - kMean) * std::sqrt((kDeviation * kDeviation + to * to) / (kDeviation * kDeviation + from * from));
}

torch::Tensor start_noise() { return kSigmaMax * torch::linspace(-2, 2, 12, torch::kFloat64).view({1, 3, 2, 2}); }

using Solver = torch::Tensor (*)(const Denoiser&, torch::Tensor, const std::vector<double>&);

/// The largest error at sigma_min, where the last step to 0 has not yet added its own.
double error_at_sigma_min(Solver solver, int steps) {
  auto levels = noise_levels(steps);
  levels.pop_back();
  const torch::Tensor x = start_noise();
  return (solver(gaussian_denoiser, x, levels) - exact(x, kSigmaMax, kSigmaMin)).abs().max().item<double>();
}

TEST(Sampler, HeunsErrorFallsWithTheSquareOfTheSteps) {
  for (const int steps : {64, 128}) {
    const double ratio = error_at_sigma_min(sample_heun, steps) / error_at_sigma_min(sample_heun, 2 * steps);
    EXPECT_GT(ratio, 3.5) << steps;
    EXPECT_LT(ratio, 4.6) << steps;
  }
}

TEST(Sampler, HeunArrivesWhereTheExactSolutionDoes) {
  const torch::Tensor x = start_noise();
  const torch::Tensor pictures = sample_heun(gaussian_denoiser, x, noise_levels(256));
  EXPECT_LT((pictures - exact(x, kSigmaMax, 0)).abs().max().item<double>(), 5e-4);
}

TEST(Sampler, CountsItsEvaluations) {
  int calls = 0;
  const Denoiser counting = [&](const torch::Tensor& x, double sigma) {
    EXPECT_GT(sigma, 0);
    ++calls;
    return gaussian_denoiser(x, sigma);
  };
  sample_heun(counting, start_noise(), noise_levels(10));
  EXPECT_EQ(calls, 19);
}

TEST(Sampler, OneStepIsTheDenoisersFirstAnswer) {
  EXPECT_EQ(noise_levels(1), (std::vector<double>{kSigmaMax, 0}));
  const torch::Tensor x = start_noise();
  EXPECT_TRUE(torch::allclose(sample_heun(gaussian_denoiser, x, noise_levels(1)), gaussian_denoiser(x, kSigmaMax)));
  EXPECT_THROW(noise_levels(0), std::invalid_argument);
}

TEST(Sampler, StrengthRunsAlongTheScheduleFromSigmaMinToSigmaMax) {
  EXPECT_NEAR(strength_level(1), kSigmaMax, 1e-9);
  EXPECT_NEAR(strength_level(1e-9), kSigmaMin, 1e-9);
  const auto levels = noise_levels(11);
  for (size_t i = 0; i <= 10; ++i) EXPECT_NEAR(strength_level(1 - 0.1 * static_cast<double>(i)), levels[i], 1e-9);
}

TEST(Sampler, GuidanceGoesFromTheUnconditionalThroughTheConditionalAnswer) {
  const torch::Tensor with = torch::tensor({1.0F, 4.0F}), without = torch::tensor({0.5F, 5.0F});
  EXPECT_TRUE(torch::allclose(guide(with, without, 0), without));
  EXPECT_TRUE(torch::allclose(guide(with, without, 1), with));
  EXPECT_TRUE(torch::allclose(guide(with, without, 3), torch::tensor({2.0F, 2.0F})));
}

}  // namespace
}  // namespace atelier
