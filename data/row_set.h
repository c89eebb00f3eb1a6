#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace atelier {

/// Some of a list's rows, in ascending order, with random access: a bit a row, and a count for each 4,096 of them.
/// All rows of a list take nothing. A value; reading is const and may be done from any number of threads.
class RowSet {
 public:
  /// No rows.
  RowSet() = default;
  /// All of [0, rows).
  static RowSet all(uint64_t rows);
  /// Those of [0, rows) that `is_in` says yes to; it is asked once for each, in order.
  static RowSet of(uint64_t rows, const std::function<bool(uint64_t row)>& is_in);

  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// The row with `rank` others of the set before it; rank < size().
  uint64_t at(uint64_t rank) const;

  bool operator==(const RowSet&) const = default;

 private:
  static constexpr uint64_t kWordBits = 64, kBlockWords = 64;

  uint64_t size_ = 0;
  std::vector<uint64_t> words_;          // bit i of word w: row 64 w + i; empty: all of [0, size_)
  std::vector<uint64_t> before_blocks_;  // rows of the set before each block of words
};

}  // namespace atelier
