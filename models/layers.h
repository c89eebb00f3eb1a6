#pragma once

#include <cstdint>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "models/convolution.h"
#include "models/keyed.h"
#include "models/normalise.h"

/// The parts that the U-Net is made of. All work on float images [N, C, H, W] (under autocast also in 16 bits), and
/// none looks across the batch. Members are public: their names are the names of the tensors on disk.
namespace atelier {

/// The largest divisor of `n` that is at most `limit`, and at least 1.
int64_t largest_divisor(int64_t n, int64_t limit);

/// Group normalisation (Wu and He 2018) with at most 32 groups of at least 4 channels; normalised() computes it.
torch::nn::GroupNorm group_norm(int64_t channels);

/// `norm` of x, then the activation.
torch::Tensor normalised(torch::nn::GroupNorm& norm, const torch::Tensor& x, Activation activation);

/// A convolution that keeps the side of its input: `kernel` is odd.
Convolution convolution(int64_t in, int64_t out, int64_t kernel);

/// A number as smooth features: cosines, then sines, of x [N] times count / 2 frequencies spaced geometrically from 1
/// to 64. Float32 [N, count]; for x of size about 1, such as c_noise; count is even and at least 4.
torch::Tensor fourier_features(const torch::Tensor& x, int64_t count);

/// Self-attention among the pixels of an image, added to it (Vaswani et al. 2017; Wang et al. 2018, "non-local").
/// Heads of 64 channels or a little more. Starts as the identity: `project` begins at 0.
struct AttentionImpl : torch::nn::Module {
  explicit AttentionImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

  int64_t heads;
  torch::nn::GroupNorm norm;
  Convolution qkv;  ///< channels -> 3 * channels: queries, keys and values, each head by head
  Convolution project;
};
TORCH_MODULE(Attention);

/// What a block is to be.
struct BlockShape {
  int64_t in = 0, out = 0;  ///< channels
  int64_t embedding = 0;    ///< width of the embedding that steers it
  bool attention = false;   ///< self-attention after the convolutions
  uint32_t dropout_layer = 0;
};

/// A residual block (He et al. 2016) whose second normalisation is scaled and shifted by an embedding (Dhariwal and
/// Nichol 2021, "adaptive group normalisation"). Starts as the identity, or as its 1x1 `shortcut` where the channels
/// change: `conv2` begins at 0.
struct BlockImpl : torch::nn::Module {
  explicit BlockImpl(const BlockShape& shape);
  /// x [N, in, H, W], embedding [N, E] -> [N, out, H, W].
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& embedding, const Dropout& dropout);

  uint32_t dropout_layer;
  torch::nn::GroupNorm norm1;
  Convolution conv1;
  torch::nn::Linear modulation;  ///< E -> scale - 1 and shift, `out` channels each
  torch::nn::GroupNorm norm2;
  Convolution conv2;
  Convolution shortcut = nullptr;  ///< only where in != out
  Attention attention = nullptr;   ///< only where asked for
};
TORCH_MODULE(Block);

}  // namespace atelier
