#include "data/order_quality.h"

#include <cmath>
#include <map>
#include <vector>

namespace atelier {

OrderQuality quality_of(const Order& order, const std::function<int64_t(uint64_t)>& label_of) {
  const uint64_t entries = order.entries;
  const auto count = static_cast<double>(entries);
  const double middle = (count - 1) / 2;
  std::vector<uint32_t> position_of(entries);
  double covariance = 0;
  uint64_t runs = 0;
  int64_t label_before = 0;
  for (uint64_t position = 0; position < entries; ++position) {
    const uint64_t slot = slot_at(order, position);
    position_of[slot] = static_cast<uint32_t>(position);
    covariance += (static_cast<double>(position) - middle) * (static_cast<double>(slot) - middle);
    const int64_t label = label_of(slot);
    runs += position == 0 || label != label_before;
    label_before = label;
  }
  double distance = 0;
  for (uint64_t slot = 1; slot < entries; ++slot)
    distance += std::abs(static_cast<double>(position_of[slot]) - static_cast<double>(position_of[slot - 1]));
  const double variance = count * (count * count - 1) / 12;  // of 0, 1, ... entries - 1, times entries
  return {.rank_correlation = covariance / variance,
          .neighbour_distance = distance / (count - 1) / count,
          .label_run = count / static_cast<double>(runs)};
}

OrderQuality perfect_quality(uint64_t entries, const std::function<int64_t(uint64_t)>& label_of) {
  std::map<int64_t, uint64_t> counts;
  for (uint64_t slot = 0; slot < entries; ++slot) ++counts[label_of(slot)];
  const auto count = static_cast<double>(entries);
  double pairs = 0;  // ordered pairs of entries with one label
  for (const auto& [label, members] : counts) pairs += static_cast<double>(members) * static_cast<double>(members - 1);
  const double changes = (count - 1) * (1 - pairs / (count * (count - 1)));
  return {.rank_correlation = 0, .neighbour_distance = (count + 1) / 3 / count, .label_run = count / (1 + changes)};
}

}  // namespace atelier
