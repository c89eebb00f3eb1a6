#include "models/sampler.h"

#include <cmath>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace atelier {
namespace {

/// The curve of equation 5: sigma_max at share 0, sigma_min at share 1.
double level_at(double share, double sigma_min, double sigma_max, double rho) {
  const double top = std::pow(sigma_max, 1 / rho), bottom = std::pow(sigma_min, 1 / rho);
  return std::pow(top + share * (bottom - top), rho);
}

torch::Tensor slope(const Denoiser& denoiser, const torch::Tensor& x, double sigma) {
  return (x - denoiser(x, sigma)) / sigma;
}

}  // namespace

std::vector<double> noise_levels(int steps, double sigma_min, double sigma_max, double rho) {
  if (steps < 1) throw std::invalid_argument(fmt::format("A sampler needs 1 step or more, not {}.", steps));
  std::vector<double> levels{sigma_max};
  for (int i = 1; i < steps; ++i) levels.push_back(level_at(i / (steps - 1.0), sigma_min, sigma_max, rho));
  levels.push_back(0);
  return levels;
}

double strength_level(double strength, double sigma_min, double sigma_max, double rho) {
  return level_at(1 - strength, sigma_min, sigma_max, rho);
}

torch::Tensor sample_heun(const Denoiser& denoiser, torch::Tensor x, const std::vector<double>& levels) {
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    const double sigma = levels[i], next = levels[i + 1];
    const torch::Tensor here = slope(denoiser, x, sigma);
    torch::Tensor guess = x + (next - sigma) * here;
    x = next == 0 ? guess : x + (next - sigma) * (here + slope(denoiser, guess, next)) / 2;
  }
  return x;
}

torch::Tensor guide(const torch::Tensor& conditional, const torch::Tensor& unconditional, double scale) {
  return torch::lerp(unconditional, conditional, scale);
}

}  // namespace atelier
