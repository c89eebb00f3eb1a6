#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace atelier {

/// Some of a list's rows, in ascending order, with random access. A stretch of rows takes nothing; others take a bit
/// for each row of the list (and a count for each 4,096), or 8 bytes for each of theirs where that is less. A value;
/// reading is const and may be done from any number of threads.
class RowSet {
 public:
  /// No rows.
  RowSet() = default;
  /// All of [0, rows).
  static RowSet all(uint64_t rows) { return stretch(0, rows); }
  /// All of [begin, end).
  static RowSet stretch(uint64_t begin, uint64_t end);
  /// Those of [0, rows) that `is_in` says yes to; it is asked once for each, in order.
  static RowSet of(uint64_t rows, const std::function<bool(uint64_t row)>& is_in);

  uint64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// The row with `rank` others of the set before it; rank < size().
  uint64_t at(uint64_t rank) const;

  /// This set in `classes` parts: `class_of` tells the part of each row, in [0, classes); it is asked twice, in order.
  std::vector<RowSet> parted(uint64_t classes, const std::function<uint64_t(uint64_t row)>& class_of) const;

  bool operator==(const RowSet&) const = default;

 private:
  static constexpr uint64_t kWordBits = 64, kBlockWords = 64;

  void for_each(const std::function<void(uint64_t row)>& visit) const;
  void append(uint64_t row);  // to a set of words or of rows, above those in it

  uint64_t size_ = 0;
  uint64_t begin_ = 0;                   // of a stretch, which has none of the following
  std::vector<uint64_t> words_;          // bit i of word w: row 64 w + i
  std::vector<uint64_t> before_blocks_;  // rows of the set before each block of words
  std::vector<uint64_t> rows_;           // or each of them
};

}  // namespace atelier
