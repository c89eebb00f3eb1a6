#include "models/device.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <thread>
#include <torch/cuda.h>
#include <torch/version.h>

namespace atelier {

torch::Device any_device() { return torch::cuda::is_available() ? torch::Device(torch::kCUDA, 0) : torch::kCPU; }

torch::Device cuda_device(std::string_view setting) {
  if (!torch::cuda::is_available())
    throw std::invalid_argument(
        fmt::format("{} cannot be cuda: LibTorch finds no CUDA device here, so take auto or cpu.", setting));
  return any_device();
}

int choose_threads(int wanted) {
  return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void fix_arithmetic(int threads) {
  at::set_num_threads(threads);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  // That switch would also fill every fresh tensor; nothing here reads memory that was not written.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

std::string arithmetic_name() { return fmt::format("{}, LibTorch {}", at::get_cpu_capability(), TORCH_VERSION); }

}  // namespace atelier
