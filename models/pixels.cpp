#include "models/pixels.h"

namespace atelier {

torch::Tensor from_pixels(const torch::Tensor& pixels) {
  return pixels.defined() ? pixels.to(torch::kFloat32).mul_(2 / 255.0).sub_(1) : pixels;
}

torch::Tensor to_pixels(const torch::Tensor& pictures) {
  return ((pictures.to(torch::kFloat32) + 1) * (255 / 2.0)).round_().clamp_(0, 255).to(torch::kUInt8);
}

}  // namespace atelier
