#include "data/row_set.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace atelier {

RowSet RowSet::all(uint64_t rows) {
  RowSet set;
  set.size_ = rows;
  return set;
}

RowSet RowSet::of(uint64_t rows, const std::function<bool(uint64_t)>& is_in) {
  RowSet set;
  set.words_.resize(rows / kWordBits + 1);
  for (uint64_t row = 0; row < rows; ++row) {
    if (row % (kWordBits * kBlockWords) == 0) set.before_blocks_.push_back(set.size_);
    if (!is_in(row)) continue;
    set.words_[row / kWordBits] |= uint64_t{1} << row % kWordBits;
    ++set.size_;
  }
  return set;
}

uint64_t RowSet::at(uint64_t rank) const {
  if (rank >= size_) throw std::out_of_range("a row set has no row of that rank");
  if (words_.empty()) return rank;
  const auto behind = std::upper_bound(before_blocks_.begin(), before_blocks_.end(), rank);
  uint64_t left = rank - *std::prev(behind);
  uint64_t word = static_cast<uint64_t>(behind - before_blocks_.begin() - 1) * kBlockWords;
  for (uint64_t here = 0; left >= (here = static_cast<uint64_t>(std::popcount(words_[word]))); ++word) left -= here;
  uint64_t bits = words_[word];
  for (; left > 0; --left) bits &= bits - 1;  // drops the lowest
  return word * kWordBits + static_cast<uint64_t>(std::countr_zero(bits));
}

}  // namespace atelier
