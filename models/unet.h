#pragma once

#include <cstdint>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <vector>

#include "models/layers.h"
#include "models/spec.h"

namespace atelier {

/// The denoiser's network: a U-Net (Ronneberger et al. 2015) of residual blocks, as denoising diffusion uses it (Ho et
/// al. 2020; Song et al. 2021, "DDPM++").
///
/// Level l of `spec.levels` works at side image_size / 2^l with spec.channels (level 0) or twice as many (the others)
/// channels. Each has spec.blocks blocks on the way down and as many on the way up; every block on the way up also sees
/// the output of its partner on the way down. Halving is a mean of 2x2 pixels and doubling repeats them, without
/// weights. Blocks attend where the side is at most spec.attention_size. All are steered by one embedding of noise and
/// label.
///
/// Tensors are named after the members: input, noise1, noise2, label.weight, encoder.LEVEL.BLOCK.*, middle.BLOCK.*,
/// decoder.LEVEL.BLOCK.*, output_norm, output. scripts/load_unet.py is the same network in Python.
struct UNetImpl : torch::nn::Module {
  /// Throws std::invalid_argument when the sides cannot be halved that often, or channels are no multiple of 4.
  explicit UNetImpl(const ModelSpec& spec);

  /// x           float [N, 3, S, S], S a multiple of 2^(levels - 1)
  /// noise       float [N]: c_noise, about -2..2
  /// labels      int64 [N]; -1: no label, which has an embedding of its own
  /// conditions  float [N, C, S, S] in [-1, 1]; undefined when the spec has none
  /// returns     float [N, 3, S, S]
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& noise, const torch::Tensor& labels,
                        const torch::Tensor& conditions, const Dropout& dropout = {});

  /// Weights from `seed`; the last convolution of each block, of each attention and of the whole start at 0, so that
  /// an untrained network answers 0.
  void initialise(uint64_t seed);

  using Level = std::vector<Block>;
  int64_t features;         ///< of the noise, before the two layers
  bool recomputes = false;  ///< the backward pass computes each block again (recompute.h)
  Convolution input = nullptr;
  torch::nn::Linear noise1 = nullptr, noise2 = nullptr;
  torch::nn::Embedding label = nullptr;  ///< the last row is "no label"
  std::vector<Level> encoder, decoder;   ///< both indexed by level: decoder[0] is the last to run
  Level middle;
  torch::nn::GroupNorm output_norm = nullptr;
  Convolution output = nullptr;

 private:
  torch::Tensor embed(const torch::Tensor& noise, const torch::Tensor& labels);
};
TORCH_MODULE(UNet);

}  // namespace atelier
