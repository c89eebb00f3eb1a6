#pragma once

#include <functional>
#include <torch/types.h>
#include <vector>

namespace atelier {

/// block(inputs), without keeping what it computes on the way for the backward pass, which computes it again ("gradient
/// checkpointing", Chen et al. 2016, "Training deep nets with sublinear memory cost"). Of the memory only the inputs
/// stay; a second forward pass of the block is the price. The result is that of block(inputs) bit for bit, and so are
/// the gradients, but for the order in which those of an input that is used elsewhere, too, are added up.
///
/// The block must compute the same twice, under the autocast that is on now: draws keyed by position, no state. It and
/// what it refers to must live until the backward pass. At least one input must require gradients, else parameters get
/// none; they get theirs by accumulation (`backward()`, not `torch::autograd::grad`).
torch::Tensor recomputed(std::vector<torch::Tensor> inputs,
                         std::function<torch::Tensor(const std::vector<torch::Tensor>& inputs)> block);

}  // namespace atelier
