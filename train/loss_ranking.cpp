#include "train/loss_ranking.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <tuple>

namespace atelier {
namespace {

constexpr size_t kQuarters = 4;

}  // namespace

void LossRanking::add(const std::vector<SampleLoss>& step) {
  std::ranges::copy_if(step, std::back_inserter(stretch_),
                       [](const SampleLoss& sample) { return std::isfinite(sample.loss); });
  if (stretch_.size() >= kStretch) close_stretch();
}

void LossRanking::close_stretch() {
  std::ranges::stable_sort(stretch_, {}, &SampleLoss::noise_level);
  const bool has_levels = !stretch_.empty() && stretch_.back().noise_level > 0;
  const auto quarter_of = [&](size_t rank) { return has_levels ? rank * kQuarters / stretch_.size() : 0; };
  std::array<double, kQuarters> sums{}, counts{};
  for (size_t rank = 0; rank < stretch_.size(); ++rank) {
    sums[quarter_of(rank)] += stretch_[rank].loss;
    ++counts[quarter_of(rank)];
  }
  for (size_t rank = 0; rank < stretch_.size(); ++rank) {
    const double mean = sums[quarter_of(rank)] / counts[quarter_of(rank)];
    EntryLoss& entry = entries_[stretch_[rank].entry];
    ++entry.seen;
    entry.loss += stretch_[rank].loss;
    entry.relative += mean > 0 ? stretch_[rank].loss / mean : 1;
  }
  stretch_.clear();
}

std::vector<EntryLoss> LossRanking::worst(size_t count) {
  close_stretch();
  std::vector<EntryLoss> all;
  for (const auto& [entry, sums] : entries_) {
    const auto seen = static_cast<double>(sums.seen);
    all.push_back({.entry = entry, .seen = sums.seen, .loss = sums.loss / seen, .relative = sums.relative / seen});
  }
  count = std::min(count, all.size());
  const auto worse = [](const EntryLoss& a, const EntryLoss& b) {
    return std::tuple(-a.relative, a.entry) < std::tuple(-b.relative, b.entry);
  };
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(count), worse);
  all.resize(count);
  return all;
}

}  // namespace atelier
