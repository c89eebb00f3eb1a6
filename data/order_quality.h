#pragma once

#include <cstdint>
#include <functional>

#include "data/order.h"

namespace atelier {

/// How well a pass mixes the list. A perfect shuffle has a correlation near 0 (its standard deviation is
/// 1 / sqrt(entries)), a distance near 1/3, and the label runs that chance makes.
struct OrderQuality {
  double rank_correlation = 0;    ///< of position and place in the list (Spearman), -1..1; 1: the list's own order
  double neighbour_distance = 0;  ///< mean distance of entries that are neighbours in the list, as a share of the pass
  double label_run = 0;           ///< mean length of runs of one label
};

/// Of the first pass; O(entries) time, 4 bytes an entry. Needs 2 <= order.entries < 2^32.
///   label_of  label of a slot of the order
OrderQuality quality_of(const Order& order, const std::function<int64_t(uint64_t slot)>& label_of);

/// What a perfect shuffle of the same labels is expected to have.
OrderQuality perfect_quality(uint64_t entries, const std::function<int64_t(uint64_t slot)>& label_of);

}  // namespace atelier
