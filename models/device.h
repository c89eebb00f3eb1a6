#pragma once

#include <string>
#include <string_view>
#include <torch/types.h>

/// The processor that networks run on.
namespace atelier {

/// CUDA where there is one, else the CPU.
torch::Device any_device();

/// CUDA. Throws std::invalid_argument, which names the `setting` that asked, when this LibTorch or this machine has
/// none.
torch::Device cuda_device(std::string_view setting);

/// `wanted`, or one a core for 0.
int choose_threads(int wanted);

/// Makes sums come out the same way each time (law 11): `threads` for every operator, deterministic algorithms where
/// LibTorch has them, and float32 on a GPU without TF32, whatever the environment says. Process-wide; call once, before
/// the first tensor.
void fix_arithmetic(int threads);

/// What else decides the last bits of a sum: instruction set and LibTorch version, such as "AVX512, LibTorch 2.13.0".
std::string arithmetic_name();

}  // namespace atelier
