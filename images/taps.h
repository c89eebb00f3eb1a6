#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "images/transform.h"

/// Which source samples make up a target sample, and with what weight. Not for callers outside images/.
namespace atelier {

/// Part of an edge, in samples; fractions where a subsampled plane is cut.
struct Stretch {
  double begin = 0;
  double end = 0;
};

/// How one edge is resampled: target t is the sum of weights[t * count + k] * source[first[t] + k] over k < count.
struct Taps {
  static constexpr int kOne = 1 << 14;  ///< the weights of one target add up to it

  int count = 0;
  std::vector<int> first;
  std::vector<int16_t> weights;

  int targets() const { return static_cast<int>(first.size()); }
  const int16_t* weights_of(int target) const {
    return weights.data() + static_cast<size_t>(target) * static_cast<size_t>(count);
  }
  /// One past the last source sample that the targets up to and including `target` ask for.
  int end(int target) const { return first[static_cast<size_t>(target)] + count; }
};

/// Maps `part` of an edge of `source` samples onto `targets` samples; samples outside `part` have no say. Basic
/// arithmetic of IEEE 754 only, so the same bits on every machine. Filters are widened by the scale when shrinking, as
/// in Pillow.
Taps make_taps(int source, Stretch part, int targets, Filter filter);

/// The same targets in the opposite order: what mirrors a picture.
void mirror(Taps& taps);

}  // namespace atelier
