#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/clones.h"

/// Vectors of channels, for the kernels that work on float32 pictures in memory order [N, H, W, C];
/// ATELIER_VECTOR_CLONES before a function compiles it for each width of vectors.
#define ATELIER_VECTOR_CLONES ATELIER_CLONES("avx2", "avx512f")

namespace atelier {

constexpr int64_t kLanes = 16;
using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;  ///< one number of so many channels

constexpr int64_t round_up_to_lanes(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

/// The first `count` lanes; zeros in the others. At most kLanes count.
ATELIER_INLINE void load(Lanes& lanes, const float* from, int64_t count = kLanes) {
  if (count >= kLanes) {
    std::memcpy(&lanes, from, sizeof lanes);
  } else {
    lanes = Lanes{};
    std::memcpy(&lanes, from, static_cast<size_t>(std::max<int64_t>(count, 0)) * sizeof(float));
  }
}

ATELIER_INLINE void store(const Lanes& lanes, float* to, int64_t count = kLanes) {
  if (count >= kLanes)
    std::memcpy(to, &lanes, sizeof lanes);
  else
    std::memcpy(to, &lanes, static_cast<size_t>(std::max<int64_t>(count, 0)) * sizeof(float));
}

}  // namespace atelier
