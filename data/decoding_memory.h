#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <numeric>
#include <set>

namespace atelier {

/// The memory of images that are being decoded or wait for a thread, at most: as many as there are threads are decoded
/// at once, so the largest of them count and the others do not. For one thread.
class DecodingMemory {
 public:
  explicit DecodingMemory(int threads) : threads_(static_cast<size_t>(threads)) {}

  void add(uint64_t bytes) {
    if (bytes > 0) needs_.insert(bytes);
  }
  void remove(uint64_t bytes) {
    if (bytes > 0) needs_.erase(needs_.find(bytes));
  }
  uint64_t bytes() const { return sum_of(threads_); }
  /// What bytes() would be with one more.
  uint64_t bytes_with(uint64_t more) const {
    if (needs_.size() < threads_) return bytes() + more;
    return std::max(bytes(), sum_of(threads_ - 1) + more);
  }

 private:
  uint64_t sum_of(size_t largest) const {
    const auto end = std::next(needs_.begin(), static_cast<std::ptrdiff_t>(std::min(largest, needs_.size())));
    return std::accumulate(needs_.begin(), end, uint64_t{0});
  }

  const size_t threads_;
  std::multiset<uint64_t, std::greater<>> needs_;
};

}  // namespace atelier
