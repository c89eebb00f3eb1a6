#pragma once

#include <torch/types.h>

/// Convolutions of 3x3 in float32 on a CPU by a quarter of the multiplications.
///
/// Winograd's F(4x4, 3x3) computes a tile of 4x4 results from 36 products for each pair of channels where the
/// definition takes 144 (Winograd 1980; Lavin & Gray 2016). The products are 36 matrix products, which LibTorch does;
/// own are the transforms around them (winograd_tiles.h). Rounding errors are larger than the definition's, about 1e-6
/// of the largest result instead of 1e-7.
namespace atelier {

/// Whether such a convolution, stride 1 and a border of zeros of width 1, can be done and is worth it: float32 on the
/// CPU outside of autocast, and channels and pixels enough to pay for the transforms.
bool winograd_fits(const torch::Tensor& x, const torch::Tensor& weight);

/// x [N, C, H, W], weight [K, C, 3, 3], bias [K] or undefined; winograd_fits(x, weight).
/// returns [N, K, H, W] in channels_last order; differentiable once.
torch::Tensor winograd_convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace atelier
