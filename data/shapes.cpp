#include "data/shapes.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <numbers>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace atelier {
namespace {

constexpr double kRootOfSqrt2 = 1.189207115002721;  // 2^(1/4)

/// A whole number of pixels; 0 for text that is none. Tables write 640.0 where other rows of a column are empty.
double pixels_of(const std::string& text) {
  constexpr double kMost = 1e9;
  double pixels = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pixels);
  const bool is_whole = error == std::errc() && end == text.data() + text.size() && pixels == std::floor(pixels);
  return is_whole && pixels >= 1 && pixels <= kMost ? pixels : 0;
}

/// Gives what the square has taken to the nearest shape that has rows; of two, to the one that has more.
void empty_square(std::vector<size_t>& taker, std::vector<uint64_t> rows) {
  rows[kSquareShape] = 0;
  if (std::ranges::all_of(rows, [](uint64_t count) { return count == 0; })) return;
  for (size_t from = 0; from < taker.size(); ++from) {
    if (taker[from] != kSquareShape) continue;
    const auto distance = [&](size_t shape) { return shape > from ? shape - from : from - shape; };
    for (size_t shape = 0; shape < rows.size(); ++shape) {
      const size_t best = taker[from];
      const auto rank = [&](size_t each) { return std::pair(distance(each), ~rows[each]); };
      if (rows[shape] > 0 && (rows[best] == 0 || rank(shape) < rank(best))) taker[from] = shape;
    }
  }
}

}  // namespace

std::vector<Size> frames_of_shapes(int side, int step) {
  if (step > side / 4)
    throw std::invalid_argument(fmt::format(
        "data.shapes: edges in steps of {} pixels (2^model.levels) are too coarse for a data.image_size of {}; raise "
        "that to {}, or lower model.levels",
        step, side, 4 * step));
  const auto edge = [&](double factor) { return step * static_cast<int>(std::lround(side * factor / step)); };
  const int longer = edge(kRootOfSqrt2), longest = edge(std::numbers::sqrt2);
  const int shorter = edge(1 / kRootOfSqrt2), shortest = edge(1 / std::numbers::sqrt2);
  return {{shortest, longest}, {shorter, longer}, {side, side}, {longer, shorter}, {longest, shortest}};
}

size_t nearest_shape(double width, double height) {
  if (width <= 0 || height <= 0) return kSquareShape;
  size_t steps = 0;
  for (const double border : {kRootOfSqrt2, kRootOfSqrt2 * std::numbers::sqrt2})  // half-way between two shapes
    steps += std::max(width, height) > border * std::min(width, height) ? 1 : 0;
  return width > height ? kSquareShape + steps : kSquareShape - steps;
}

std::vector<uint8_t> shapes_of_rows(const Manifest& manifest, const std::function<void(double)>& progress) {
  std::vector<uint8_t> shapes(manifest.size());
  std::atomic<bool> any = false;
  const auto take = [&](uint64_t row, const std::vector<std::string>& values) {
    const double width = pixels_of(values[0]), height = pixels_of(values[1]);
    shapes[row] = static_cast<uint8_t>(nearest_shape(width, height));
    if (width > 0 && height > 0 && !any) any = true;
  };
  manifest.read_fields({"width", "height"}, take, progress);
  if (!any)
    throw std::invalid_argument(
        "data.shapes: no row has a width and a height, in pixels; give the list both fields, or leave data.shapes at "
        "square");
  return shapes;
}

std::vector<size_t> merge_small_shapes(std::vector<uint64_t> rows, uint64_t fewest) {
  std::vector<size_t> taker(rows.size());
  std::iota(taker.begin(), taker.end(), size_t{0});
  const auto merge = [&](size_t shape, size_t next) {
    if (rows[shape] >= fewest) return;
    rows[next] += std::exchange(rows[shape], 0);
    std::ranges::replace(taker, shape, next);
  };
  for (size_t shape = 0; shape < kSquareShape; ++shape) merge(shape, shape + 1);
  for (size_t shape = rows.size() - 1; shape > kSquareShape; --shape) merge(shape, shape - 1);
  if (rows[kSquareShape] > 0 && rows[kSquareShape] < kFewestRowsOfShape) empty_square(taker, rows);
  return taker;
}

}  // namespace atelier
