#pragma once

#include <cstdint>
#include <torch/nn/module.h>
#include <vector>

#include "base/random.h"

/// Tensors of random numbers that follow from (seed, position) of each sample, whatever batch it is in. Drawn on the
/// CPU by base/random and copied to `device`. `positions` has N elements; so has the first dimension of every result.
namespace atelier {

/// Standard normal float32 [N, ...shape]: sample n holds the sequence of (seed, positions[n], purpose).
torch::Tensor keyed_normal(uint64_t seed, const std::vector<uint64_t>& positions, Purpose purpose,
                           torch::IntArrayRef shape, torch::Device device);

/// Uniform float32 [N] in [0, 1).
torch::Tensor keyed_uniform(uint64_t seed, const std::vector<uint64_t>& positions, Purpose purpose,
                            torch::Device device);

/// Who drops activations, if anybody: handed down through a network's forward.
struct Dropout {
  double rate = 0;  ///< share of activations set to 0; the rest grow by 1 / (1 - rate)
  uint64_t seed = 0;
  std::vector<uint64_t> positions = {};  ///< [N]; empty: no dropout

  /// x [N, ...] with its own draws for each sample; `layer` tells the layers of a network apart.
  torch::Tensor operator()(const torch::Tensor& x, uint32_t layer) const;
};

/// Fills every parameter of `module`, in order of name, from (seed, kWeights, number of the parameter): convolution and
/// linear weights normal with the given standard deviation (0: He et al. 2015, sqrt(2 / fan_in)), biases 0, scales of
/// normalisations 1. Buffers are left alone.
void initialise_weights(torch::nn::Module& module, uint64_t seed, double deviation = 0);

}  // namespace atelier
