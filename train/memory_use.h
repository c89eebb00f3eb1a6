#pragma once

#include <cstdint>
#include <string>
#include <torch/types.h>

namespace atelier {

/// Of one memory, bytes.
struct MemoryUse {
  std::string where;  ///< "the machine", "cuda:0"
  uint64_t peak = 0;  ///< the most that this process has had of it so far
  uint64_t all = 0;   ///< that it may have; 0: nobody says
};

/// The machine's: what this process had in it at once, and what the machine has or its control group allows.
MemoryUse memory_of_machine();

/// A GPU's: what LibTorch's allocator has taken of it.
MemoryUse memory_of(torch::Device device);

}  // namespace atelier
