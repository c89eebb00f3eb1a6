#pragma once

#include <torch/types.h>

/// Between pictures of 8 bits and what networks see.
namespace atelier {

/// uint8 0..255 to float32 -1..1; undefined stays undefined.
torch::Tensor from_pixels(const torch::Tensor& pixels);

/// Float -1..1 to uint8, rounded; what lies outside is clamped.
torch::Tensor to_pixels(const torch::Tensor& pictures);

/// A number of each picture, [N], as [N, 1, 1, 1]: for every number of its pixels.
inline torch::Tensor as_pixels(const torch::Tensor& numbers) { return numbers.view({-1, 1, 1, 1}); }

}  // namespace atelier
