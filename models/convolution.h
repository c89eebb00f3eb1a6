#pragma once

#include <torch/nn/modules/conv.h>

namespace atelier {

/// torch::nn::Conv2d, whose tensors, options and results it has; the results to rounding: on a CPU, convolutions of 3x3
/// in float32 take a quarter of the multiplications (winograd.h) where that is faster.
struct ConvolutionImpl : torch::nn::Conv2dImpl {
  using torch::nn::Conv2dImpl::Conv2dImpl;

  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(Convolution);

}  // namespace atelier
