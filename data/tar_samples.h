#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/tar.h"

namespace atelier {

/// What a tar holds as WebDataset lays it out: neighbouring members of one key, which is the path up to the first dot
/// of its last part, are one sample, and what follows the dot says what a member is. docs/list-format.md has the whole.
struct TarSamples {
  std::string rows;  ///< a JSON object a line: `bytes` of the image, `condition` (bytes too), and a list's other fields
  uint64_t samples = 0;
  uint64_t without_image = 0;  ///< left out
  uint64_t unreadable = 0;     ///< left out for what their .cls, .txt or .json holds
  std::string example;         ///< why the first of those was: a clause that names its offset; empty: there is none
};

/// Reads a whole tar. Throws as TarReader does, and for more rows than kMostRowBytes.
///   watch  called at every sample; it may throw
TarSamples read_samples(TarReader& tar, const std::function<void()>& watch);

inline constexpr size_t kMostRowBytes = size_t{1} << 29;

}  // namespace atelier
