#pragma once

#include <cstdint>
#include <string>
#include <torch/types.h>
#include <vector>

#include "models/diffusion.h"

namespace atelier {

/// What EDM and flow matching differ in: each is a column of Table 1 of Karras et al. 2022. At level l, from 0, a
/// picture y is kept(l) y + l n, n standard normal noise; a denoiser D(x; l) is trained by weight(l) |D - y|^2 and
/// sampled by following dx/dl = (x - D) / l down to 0. Levels are float32 [N], as are all results.
struct Formulation {
  const char* loss_name;                                        ///< of the held-out loss, for logs
  torch::Tensor (*level)(const torch::Tensor& z);               ///< to train on, from z standard normal
  torch::Tensor (*kept)(const torch::Tensor& level);            ///< share of the picture
  Preconditioning (*precondition)(const torch::Tensor& level);  ///< of the network that makes D
  torch::Tensor (*weight)(const torch::Tensor& level);          ///< of the square error of D
  double (*top)(double strength);                               ///< where an edit starts; strength 1: pure noise
  std::vector<double> (*levels)(int steps, double top);         ///< that a sampler visits: top, ..., 0
};

/// Of ModelSpec::objective: "edm" or "flow". Throws std::invalid_argument for another name.
const Formulation& formulation_of(const std::string& objective);

/// The level of each sample of a batch, drawn from (seed, position).
torch::Tensor draw_levels(const Formulation& formulation, uint64_t seed, const std::vector<uint64_t>& positions,
                          torch::Device device);

/// `pictures` [N, 3, H, W] with `noise` of that shape at the level of each.
torch::Tensor add_noise(const Formulation& formulation, const torch::Tensor& pictures, const torch::Tensor& level,
                        const torch::Tensor& noise);

/// The weight of the square error of D by "min-SNR-gamma" (Hang et al. 2023, "Efficient diffusion training via min-SNR
/// weighting strategy"): min(SNR, gamma) / sigma_data^2, where SNR = (kept sigma_data / level)^2. EDM's own
/// weight is (SNR + 1) / sigma_data^2, so that it is multiplied by min(SNR, gamma) / (SNR + 1), the paper's weight of
/// v-prediction.
torch::Tensor min_snr_weight(const Formulation& formulation, const torch::Tensor& level, double gamma);

}  // namespace atelier
