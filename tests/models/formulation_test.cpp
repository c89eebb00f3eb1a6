#include "models/formulation.h"

#include <cmath>
#include <gtest/gtest.h>
#include <stdexcept>

#include "models/sampler.h"
#include "tests/models/reference.h"

namespace atelier {
namespace {

TEST(Formulation, IsEdmOrFlow) {
  EXPECT_STREQ(formulation_of("edm").loss_name, "EDM loss");
  EXPECT_STREQ(formulation_of("flow").loss_name, "flow loss");
  EXPECT_THROW(formulation_of("vae"), std::invalid_argument);
}

TEST(Formulation, EdmsNoiseLevelsFollowFromSeedAndPositionWithThePapersMeanAndDeviation) {
  const Formulation& edm = formulation_of("edm");
  std::vector<uint64_t> positions(20'000);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = i;
  const torch::Tensor logs = draw_levels(edm, 5, positions, torch::kCPU).to(torch::kFloat64).log();
  EXPECT_NEAR(logs.mean().item<double>(), kLogSigmaMean, 0.03);
  EXPECT_NEAR(logs.std().item<double>(), kLogSigmaDeviation, 0.03);
  const auto log_of = [&](uint64_t seed) { return std::log(draw_levels(edm, seed, {17}, torch::kCPU).item<double>()); };
  EXPECT_NEAR(log_of(5), logs[17].item<double>(), 1e-6);
  EXPECT_GT(std::abs(log_of(6) - logs[17].item<double>()), 1e-3);
}

TEST(Formulation, EdmAddsNoiseAndFlowMixesItIn) {
  const torch::Tensor pictures = torch::full({2, 3, 2, 2}, 0.8F), noise = torch::full({2, 3, 2, 2}, -0.5F);
  const torch::Tensor level = torch::tensor({0.25F, 0.5F});
  const auto value = [&](const char* objective, int64_t n) {
    return add_noise(formulation_of(objective), pictures, level, noise)[n][2][1][0].item<double>();
  };
  EXPECT_NEAR(value("edm", 0), 0.8 - 0.125, 1e-6);
  EXPECT_NEAR(value("edm", 1), 0.8 - 0.25, 1e-6);
  EXPECT_NEAR(value("flow", 0), 0.6 - 0.125, 1e-6);
  EXPECT_NEAR(value("flow", 1), 0.4 - 0.25, 1e-6);
}

TEST(Formulation, FullStrengthIsPureNoise) {
  EXPECT_EQ(formulation_of("edm").top(1), kSigmaMax);
  EXPECT_EQ(formulation_of("flow").top(1), 1);
  EXPECT_EQ(formulation_of("edm").top(0.5), strength_level(0.5));
  EXPECT_EQ(formulation_of("flow").top(0.5), 0.5);
}

TEST(Formulation, MinSnrWeightsAreThePapers) {
  // Made by scripts/reference/flow_reference.py.
  const Reference reference("flow.json");
  const auto weight = [&](const char* objective, const char* levels, double gamma) {
    return min_snr_weight(formulation_of(objective), reference.column(levels), gamma);
  };
  expect_near(weight("edm", "sigma", 5), reference.column("min_snr_5_sigma"), 1e-12);
  expect_near(weight("flow", "t", 5), reference.column("min_snr_5_t"), 1e-12);
  expect_near(weight("flow", "t", 1), reference.column("min_snr_1_t"), 1e-12);
}

}  // namespace
}  // namespace atelier
