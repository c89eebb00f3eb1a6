#include "data/row_set.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace atelier {

RowSet RowSet::stretch(uint64_t begin, uint64_t end) {
  RowSet set;
  set.begin_ = begin;
  set.size_ = end - begin;
  return set;
}

RowSet RowSet::of(uint64_t rows, const std::function<bool(uint64_t)>& is_in) {
  RowSet set;
  set.words_.resize(rows / kWordBits + 1);
  for (uint64_t row = 0; row < rows; ++row)
    if (is_in(row)) set.append(row);
  return set;
}

uint64_t RowSet::at(uint64_t rank) const {
  if (rank >= size_) throw std::out_of_range("a row set has no row of that rank");
  if (!rows_.empty()) return rows_[rank];
  if (words_.empty()) return begin_ + rank;
  const auto behind = std::upper_bound(before_blocks_.begin(), before_blocks_.end(), rank);
  uint64_t left = rank - *std::prev(behind);
  uint64_t word = static_cast<uint64_t>(behind - before_blocks_.begin() - 1) * kBlockWords;
  for (uint64_t here = 0; left >= (here = static_cast<uint64_t>(std::popcount(words_[word]))); ++word) left -= here;
  uint64_t bits = words_[word];
  for (; left > 0; --left) bits &= bits - 1;  // drops the lowest
  return word * kWordBits + static_cast<uint64_t>(std::countr_zero(bits));
}

std::vector<RowSet> RowSet::parted(uint64_t classes, const std::function<uint64_t(uint64_t)>& class_of) const {
  struct Extent {
    uint64_t size = 0, begin = 0, end = 0;
    bool is_stretch() const { return end - begin == size; }
  };
  std::vector<Extent> extents(classes);
  for_each([&](uint64_t row) {
    Extent& extent = extents[class_of(row)];
    if (extent.size++ == 0) extent.begin = row;
    extent.end = row + 1;
  });
  std::vector<RowSet> parts;
  for (const Extent& extent : extents) {
    RowSet& part = parts.emplace_back();
    if (extent.is_stretch())
      part = stretch(extent.begin, extent.end);
    else if (extent.size < extent.end / kWordBits)
      part.rows_.reserve(extent.size);
    else
      part.words_.resize(extent.end / kWordBits + 1);
  }
  for_each([&](uint64_t row) {
    const uint64_t part = class_of(row);
    if (!extents[part].is_stretch()) parts[part].append(row);
  });
  return parts;
}

void RowSet::for_each(const std::function<void(uint64_t)>& visit) const {
  for (const uint64_t row : rows_) visit(row);
  if (!rows_.empty()) return;
  for (uint64_t row = begin_; words_.empty() && row < begin_ + size_; ++row) visit(row);
  for (uint64_t word = 0; word < words_.size(); ++word) {
    for (uint64_t bits = words_[word]; bits != 0; bits &= bits - 1)
      visit(word * kWordBits + static_cast<uint64_t>(std::countr_zero(bits)));
  }
}

void RowSet::append(uint64_t row) {
  if (words_.empty()) {
    rows_.push_back(row);
  } else {
    while (before_blocks_.size() <= row / (kWordBits * kBlockWords)) before_blocks_.push_back(size_);
    words_[row / kWordBits] |= uint64_t{1} << row % kWordBits;
  }
  ++size_;
}

}  // namespace atelier
