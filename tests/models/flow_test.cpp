#include "models/flow.h"

#include <cmath>
#include <gtest/gtest.h>
#include <stdexcept>

#include "models/formulation.h"
#include "models/sampler.h"
#include "tests/models/reference.h"

namespace atelier {
namespace {

/// Values from the papers' formulas, made by scripts/reference/flow_reference.py: its loss is of the velocity, its ODE
/// solved by scipy.
Reference reference() { return Reference("flow.json"); }

const Formulation& flow() { return formulation_of("flow"); }

TEST(Flow, TimesAreLogitNormal) {
  const torch::Tensor z = torch::tensor(std::vector<double>(kNoiseQuantiles.begin(), kNoiseQuantiles.end()));
  expect_near(flow_time(z), reference().column("quantiles"), 1e-7);

  std::vector<uint64_t> positions(20'000);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = i;
  const torch::Tensor times = draw_levels(flow(), 5, positions, torch::kCPU);
  EXPECT_GT(times.min().item<double>(), 0);
  EXPECT_LT(times.max().item<double>(), 1);
  double share = 0.125;
  for (const double quantile : reference().numbers("quantiles")) {
    EXPECT_NEAR(times.lt(quantile).to(torch::kFloat64).mean().item<double>(), share, 0.01);
    share += 0.25;
  }
}

TEST(Flow, TheLossIsThatOfTheVelocity) {
  const auto pictures = [](const char* name) {
    return reference().column(name).to(torch::kFloat32).view({2, 3, 2, 2});
  };
  const torch::Tensor t = reference().column("loss_t").to(torch::kFloat32), x0 = pictures("x0");
  const Network network = [](const torch::Tensor& x, const torch::Tensor& c_noise) {
    return -0.7 * x + (0.4 * (c_noise + 1) / 2).view({-1, 1, 1, 1}) + 0.1;
  };
  const torch::Tensor noisy = add_noise(flow(), x0, t, pictures("noise"));
  const torch::Tensor denoised = denoise(network, noisy, flow_preconditioning(t));
  expect_near(denoising_loss(denoised, x0, flow_weight(t)), reference().column("loss"), 1e-5);
}

/// The best denoiser of pixels that are normal with mean 0.3 and deviation 0.5.
torch::Tensor gaussian_denoiser(const torch::Tensor& x, double t) {
  const double signal = (1 - t) * 0.25, variance = (1 - t) * signal + t * t;
  return 0.3 + signal / variance * (x - (1 - t) * 0.3);
}

/// The largest error of `steps` steps from time `top` to a picture.
double error(const char* end, int steps, double top) {
  const torch::Tensor pictures =
      sample_heun(gaussian_denoiser, reference().column("start"), flow().levels(steps, flow().top(top)));
  return (pictures - reference().column(end)).abs().max().item<double>();
}

TEST(Flow, TheSamplerArrivesWhereTheExactFlowDoes) {
  EXPECT_LT(error("end", 256, 1), 1e-4);
  EXPECT_LT(error("edit_end", 256, 0.4), 1e-4);
  for (const int steps : {32, 64}) {
    const double ratio = error("end", steps, 1) / error("end", 2 * steps, 1);
    EXPECT_GT(ratio, 3.4) << steps;
    EXPECT_LT(ratio, 4.6) << steps;
  }
}

TEST(Flow, StepsAreEqual) {
  EXPECT_EQ(flow_times(4), (std::vector<double>{1, 0.75, 0.5, 0.25, 0}));
  EXPECT_EQ(flow_times(1, 0.6), (std::vector<double>{0.6, 0}));
  EXPECT_THROW(flow_times(0), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
