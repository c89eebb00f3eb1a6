#pragma once

#include <array>
#include <functional>
#include <torch/types.h>

/// The mathematics of training a denoiser: Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based
/// Generative Models" (EDM), column "Ours" of Table 1. Free functions of float32 tensors; sigma is [N], the standard
/// deviation of the noise on pictures scaled to [-1, 1].
namespace atelier {

inline constexpr double kSigmaData = 0.5;          ///< standard deviation of the pictures
inline constexpr double kLogSigmaMean = -1.2;      ///< of the noise levels trained on: P_mean
inline constexpr double kLogSigmaDeviation = 1.2;  ///< and P_std

/// The scales around the network, each [N]. Equation 7, values from Table 1.
struct Preconditioning {
  torch::Tensor skip;   ///< c_skip = sigma_data^2 / (sigma^2 + sigma_data^2)
  torch::Tensor out;    ///< c_out = sigma sigma_data / sqrt(sigma^2 + sigma_data^2)
  torch::Tensor in;     ///< c_in = 1 / sqrt(sigma^2 + sigma_data^2)
  torch::Tensor noise;  ///< c_noise = ln(sigma) / 4
};
Preconditioning precondition(const torch::Tensor& sigma);

/// The weight of a sample's loss: lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 = 1 / c_out^2. Table 1.
torch::Tensor loss_weight(const torch::Tensor& sigma);

/// Noise levels to train on: ln(sigma) = P_mean + P_std z for z standard normal. Table 1, "noise distribution".
torch::Tensor noise_level(const torch::Tensor& z);

/// z at the middles of four equally likely ranges: quantiles 1/8, 3/8, 5/8, 7/8. What a loss is measured at where it
/// shall not depend on luck.
inline constexpr std::array<double, 4> kNoiseQuantiles{-1.1503493803760079, -0.31863936396437514, 0.31863936396437514,
                                                       1.1503493803760079};

/// F of equation 7: scaled noisy pictures [N, 3, H, W] and c_noise [N] -> [N, 3, H, W] of any float type.
using Network = std::function<torch::Tensor(const torch::Tensor& scaled, const torch::Tensor& c_noise)>;

/// The pictures that `noisy` [N, 3, H, W] most likely was: D = c_skip noisy + c_out F(c_in noisy; c_noise). Equation 7.
/// Float32 also where the network runs in 16 bits.
torch::Tensor denoise(const Network& network, const torch::Tensor& noisy, const Preconditioning& c);

/// weight |denoised - pictures|^2, mean over the pixels of each sample: float32 [N]. Equation 2, with the weight [N]
/// inside the expectation.
torch::Tensor denoising_loss(const torch::Tensor& denoised, const torch::Tensor& pictures, const torch::Tensor& weight);

}  // namespace atelier
