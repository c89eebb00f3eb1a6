#pragma once

#include <string>
#include <torch/torch.h>

#include "configs/config.h"

/// The processor that a run computes on.
namespace atelier {

/// The device that is asked for; `auto` is CUDA where there is one. Throws std::invalid_argument when cuda is asked for
/// and this LibTorch or this machine has none.
torch::Device choose_device(Device wanted);

/// `wanted`, or one a core for 0.
int choose_threads(int wanted);

/// Makes sums come out the same way each time (law 11): `threads` for every operator, deterministic algorithms where
/// LibTorch has them. Process-wide; call once, before the first tensor.
void fix_arithmetic(int threads);

/// What else decides the last bits of a sum: instruction set and LibTorch version, such as "AVX512, LibTorch 2.13.0".
std::string arithmetic_name();

}  // namespace atelier
