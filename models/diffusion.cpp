#include "models/diffusion.h"

#include "models/pixels.h"

namespace atelier {
namespace {

constexpr double kDataVariance = kSigmaData * kSigmaData;

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

torch::Tensor denoise(const Network& network, const torch::Tensor& noisy, const Preconditioning& c) {
  const torch::Tensor answer = network(as_pixels(c.in) * noisy, c.noise).to(noisy.scalar_type());
  return torch::addcmul(as_pixels(c.skip) * noisy, as_pixels(c.out), answer);
}

torch::Tensor denoising_loss(const torch::Tensor& denoised, const torch::Tensor& pictures,
                             const torch::Tensor& weight) {
  return weight * (denoised - pictures).square().mean({1, 2, 3});
}

}  // namespace atelier
