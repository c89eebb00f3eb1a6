#include "configs/nearest.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "configs/domain.h"

namespace atelier {

size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> before_last, last(to.size() + 1), row(to.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (from[i - 1] != to[j - 1])});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[to.size()];
}

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr size_t kMostNamed = 3;
  constexpr size_t kLongest = 100;  // of a name that is worth comparing: the cost is quadratic
  const std::string_view start = name.substr(0, kLongest);
  size_t best = std::numeric_limits<size_t>::max();
  std::vector<std::string_view> found;
  for (const std::string& candidate : candidates) {
    const std::string_view leaf = std::string_view(candidate).substr(candidate.rfind('.') + 1);
    const size_t distance = std::min(edit_distance(start, candidate), edit_distance(start, leaf));
    if (distance < best) found.clear();
    best = std::min(best, distance);
    if (distance == best && found.size() < kMostNamed) found.push_back(candidate);
  }
  return enumerate(found.data(), found.size());
}

}  // namespace atelier
