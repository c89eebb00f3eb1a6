#pragma once

#include <cstdint>
#include <functional>

namespace atelier {

/// Rows that one call works on: a multiple of 64, so that bits of different ranges share no word.
inline constexpr uint64_t kRangeRows = 65'536;

/// Calls `work` for [0, rows) in ranges of kRangeRows, on all cores, and returns when all is done. Throws what the
/// first range that fails throws.
///   begins    of a range: a multiple of kRangeRows
///   progress  called on this thread between ranges; it may throw
void for_each_range(uint64_t rows, const std::function<void(uint64_t begin, uint64_t end)>& work,
                    const std::function<void(double share)>& progress = {});

}  // namespace atelier
