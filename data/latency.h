#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace atelier {

/// How long things took: their number, sum and longest, and quantiles to within 1/16 of what they are (or half a
/// microsecond). A value of fixed size; add() allocates nothing.
///
/// Durations are counted in buckets of whole microseconds: one each below 16, then eight for each doubling, up to 2^32
/// (71 minutes); what is longer counts as that.
class Latency {
 public:
  void add(double seconds) {
    constexpr double kLongest = 4294967295.0;
    const double microseconds = std::clamp(seconds * 1e6, 0.0, kLongest);
    ++buckets_[bucket_of(static_cast<uint64_t>(microseconds))];
    ++count_;
    sum_ += seconds;
    max_ = std::max(max_, seconds);
  }

  void add(const Latency& other) {
    for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  double mean() const { return count_ > 0 ? sum_ / static_cast<double>(count_) : 0; }
  double max() const { return max_; }

  /// Seconds within which the share `q` in (0, 1] of them ended; 0: there were none.
  double quantile(double q) const {
    const auto rank = static_cast<uint64_t>(std::ceil(q * static_cast<double>(count_)));
    uint64_t below = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      below += buckets_[i];
      if (below >= rank && below > 0) return std::min(max_, middle_of(i));
    }
    return 0;
  }

 private:
  static constexpr size_t kExact = 16, kBuckets = kExact + (32 - 4) * 8;

  static size_t bucket_of(uint64_t microseconds) {
    if (microseconds < kExact) return microseconds;
    const auto doubling = static_cast<size_t>(std::bit_width(microseconds)) - 1;  // from 4 to 31
    return kExact + (doubling - 4) * 8 + (microseconds >> (doubling - 3)) % 8;
  }
  static double middle_of(size_t bucket) {
    if (bucket < kExact) return (static_cast<double>(bucket) + 0.5) / 1e6;
    const size_t doubling = (bucket - kExact) / 8 + 4, eighth = (bucket - kExact) % 8;
    return std::ldexp(8.5 + static_cast<double>(eighth), static_cast<int>(doubling) - 3) / 1e6;
  }

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  double sum_ = 0, max_ = 0;
};

}  // namespace atelier
