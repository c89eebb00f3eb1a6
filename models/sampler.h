#pragma once

#include <functional>
#include <torch/types.h>
#include <vector>

/// From noise to pictures: solvers of the probability flow ODE dx/dsigma = (x - D(x; sigma)) / sigma (Karras et al.
/// 2022, equation 3 with s(t) = 1 and sigma(t) = t). Deterministic; free functions of whatever shape and float type x
/// has.
namespace atelier {

/// D(x; sigma): the picture that x, with noise of standard deviation sigma, most likely was.
using Denoiser = std::function<torch::Tensor(const torch::Tensor& x, double sigma)>;

/// The range of noise levels that samplers cross. Karras et al. 2022, Table 1.
inline constexpr double kSigmaMin = 0.002;
inline constexpr double kSigmaMax = 80;

/// `steps` noise levels from sigma_max down to sigma_min, then 0: steps + 1 numbers. Karras et al. 2022, equation 5.
/// One step goes straight from sigma_max to 0. Throws
/// std::invalid_argument when steps < 1.
std::vector<double> noise_levels(int steps, double sigma_min = kSigmaMin, double sigma_max = kSigmaMax, double rho = 7);

/// The noise level that a design is taken back to for an edit of `strength` (Meng et al. 2022, "SDEdit"), 0 < strength
/// <= 1: as far up the curve of equation 5, counted from sigma_min, as strength says. 1 is sigma_max.
double strength_level(double strength, double sigma_min = kSigmaMin, double sigma_max = kSigmaMax, double rho = 7);

/// Heun's method, two evaluations a step (one in a step to 0), error of second order. Karras et al. 2022, Algorithm 1.
torch::Tensor sample_heun(const Denoiser& denoiser, torch::Tensor x, const std::vector<double>& levels);

/// Classifier-free guidance (Ho and Salimans 2022, equation 6, for denoisers): unconditional + scale * (conditional -
/// unconditional). A scale of 1 is `conditional`, more exaggerates what the label asks for.
torch::Tensor guide(const torch::Tensor& conditional, const torch::Tensor& unconditional, double scale);

}  // namespace atelier
