#include "images/shrink.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace atelier {
namespace {

constexpr uint32_t kOne = 1 << 14;  // the weights of one target pixel add up to it

/// The run of source pixels that one target pixel covers.
struct Cover {
  int first = 0;
  std::vector<uint32_t> weights;
};

/// Counted in 1 / (source * target) of the edge a source pixel is `target` wide and a target pixel `source`. Rounding
/// the running sum instead of each weight keeps the total exact.
std::vector<Cover> covers(int source, int target) {
  std::vector<Cover> result(static_cast<size_t>(target));
  for (int64_t t = 0; t < target; ++t) {
    const int64_t begin = t * source, end = begin + source;
    Cover& cover = result[static_cast<size_t>(t)];
    cover.first = static_cast<int>(begin / target);
    uint32_t given = 0;
    for (int64_t s = cover.first; s * target < end; ++s) {
      const int64_t covered = std::min(end, (s + 1) * target) - begin;
      const auto sum = static_cast<uint32_t>((covered * kOne + source / 2) / source);
      cover.weights.push_back(sum - given);
      given = sum;
    }
  }
  return result;
}

/// One row of the target's height and the source's width; 8 bits behind the point.
void blend_rows(const cv::Mat& from, const Cover& cover, std::vector<uint32_t>& sums, std::vector<uint16_t>& row) {
  std::fill(sums.begin(), sums.end(), kOne / 512);  // rounds the shift below
  for (size_t k = 0; k < cover.weights.size(); ++k) {
    const uint8_t* source = from.ptr<uint8_t>(cover.first + static_cast<int>(k));
    const uint32_t weight = cover.weights[k];
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += weight * source[i];
  }
  for (size_t i = 0; i < sums.size(); ++i) row[i] = static_cast<uint16_t>(sums[i] / (kOne / 256));
}

void blend_columns(const std::vector<uint16_t>& row, const std::vector<Cover>& columns, uint8_t* out) {
  constexpr uint32_t kHalf = kOne * 128;
  for (const Cover& cover : columns) {
    const uint16_t* pixel = row.data() + 3 * cover.first;
    uint32_t red = kHalf, green = kHalf, blue = kHalf;
    for (const uint32_t weight : cover.weights) {
      red += weight * pixel[0];
      green += weight * pixel[1];
      blue += weight * pixel[2];
      pixel += 3;
    }
    *out++ = static_cast<uint8_t>(red / (kOne * 256));
    *out++ = static_cast<uint8_t>(green / (kOne * 256));
    *out++ = static_cast<uint8_t>(blue / (kOne * 256));
  }
}

}  // namespace

void shrink(const cv::Mat& from, cv::Mat& to) {
  const std::vector<Cover> rows = covers(from.rows, to.rows), columns = covers(from.cols, to.cols);
  std::vector<uint32_t> sums(static_cast<size_t>(from.cols) * 3);
  std::vector<uint16_t> row(sums.size());
  for (int y = 0; y < to.rows; ++y) {
    blend_rows(from, rows[static_cast<size_t>(y)], sums, row);
    blend_columns(row, columns, to.ptr<uint8_t>(y));
  }
}

}  // namespace atelier
