#include "models/diffusion.h"

#include "models/keyed.h"

namespace atelier {
namespace {

constexpr double kDataVariance = kSigmaData * kSigmaData;

torch::Tensor as_pixels(const torch::Tensor& scale) { return scale.view({-1, 1, 1, 1}); }

}  // namespace

Preconditioning precondition(const torch::Tensor& sigma) {
  const torch::Tensor variance = sigma.square() + kDataVariance;
  const torch::Tensor inverse = variance.rsqrt();
  return {
      .skip = kDataVariance / variance,
      .out = sigma * kSigmaData * inverse,
      .in = inverse,
      .noise = sigma.log() / 4,
  };
}

torch::Tensor loss_weight(const torch::Tensor& sigma) {
  return (sigma.square() + kDataVariance) / (sigma * kSigmaData).square();
}

torch::Tensor noise_level(const torch::Tensor& z) { return (z * kLogSigmaDeviation + kLogSigmaMean).exp(); }

torch::Tensor draw_noise_levels(uint64_t seed, const std::vector<uint64_t>& positions, torch::Device device) {
  return noise_level(keyed_normal(seed, positions, Purpose::kNoiseLevel, {}, device));
}

torch::Tensor draw_label_dropout(uint64_t seed, const std::vector<uint64_t>& positions, double share,
                                 torch::Device device) {
  return keyed_uniform(seed, positions, Purpose::kLabelDropout, device) < share;
}

torch::Tensor denoise(const Network& network, const torch::Tensor& noisy, const torch::Tensor& sigma) {
  const Preconditioning c = precondition(sigma);
  const torch::Tensor answer = network(as_pixels(c.in) * noisy, c.noise).to(noisy.scalar_type());
  return torch::addcmul(as_pixels(c.skip) * noisy, as_pixels(c.out), answer);
}

torch::Tensor denoising_loss(const torch::Tensor& denoised, const torch::Tensor& pictures, const torch::Tensor& sigma) {
  return loss_weight(sigma) * (denoised - pictures).square().mean({1, 2, 3});
}

}  // namespace atelier
