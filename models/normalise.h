#pragma once

#include <torch/types.h>

#include "models/normalise_pixels.h"

namespace atelier {

/// Group normalisation (Wu and He 2018) and what follows it, in one:
///
///   activation(scale * (x - mean) / sqrt(variance + 1e-5) + shift)
///
/// with mean and variance over each of `groups` groups of channels of each sample; as many groups as channels make it
/// instance normalisation.
///
///   x             float [N, C, H, W]; groups divide C
///   scale, shift  float [C] or [N, C], of one type
///   returns       like x
///
/// On a CPU the numbers are read twice and written once, in channels_last order, and so on the way back; those of 16
/// bits are computed in float32, block by block. Elsewhere LibTorch's operators do it one after another. Sums are added
/// in an order that threads do not change.
torch::Tensor normalise(const torch::Tensor& x, int64_t groups, const torch::Tensor& scale, const torch::Tensor& shift,
                        Activation activation);

/// The same by LibTorch's operators: what the kernel is tested against.
torch::Tensor normalise_plainly(const torch::Tensor& x, int64_t groups, const torch::Tensor& scale,
                                const torch::Tensor& shift, Activation activation);

}  // namespace atelier
