#include "images/fingerprint.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <numbers>
#include <stdexcept>
#include <vector>

namespace atelier {
namespace {

constexpr size_t kSide = Fingerprint::kSide, kPixels = kSide * kSide;
constexpr size_t kFrequencies = 16;
constexpr int64_t kGreyStep = 1000, kBasisStep = 4096;  // so that sums of whole numbers are exact
/// Half of the frequencies below so many levels: those of stripes or of nothing, which any copy would lose in noise.
constexpr int64_t kPlain = 64 * kGreyStep * kBasisStep * kBasisStep;

using Greys = std::array<int64_t, kPixels>;
using Basis = std::array<std::array<int64_t, kSide>, kFrequencies>;

Greys greys_of(std::span<const uint8_t> planes) {
  if (planes.size() != 3 * kPixels) throw std::invalid_argument("a fingerprint needs 3 * 64 * 64 bytes");
  Greys greys;
  for (size_t i = 0; i < kPixels; ++i)
    greys[i] = 299 * planes[i] + 587 * planes[kPixels + i] + 114 * planes[2 * kPixels + i];  // ITU-R BT.601
  return greys;
}

/// The middle of `values` by size, of which there are an odd number.
int64_t median(std::vector<int64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// cos(pi * frequency * (2 x + 1) / (2 * 64)) in steps of 1 / kBasisStep.
Basis make_basis() {
  Basis basis;
  for (size_t frequency = 0; frequency < kFrequencies; ++frequency)
    for (size_t x = 0; x < kSide; ++x)
      basis[frequency][x] = std::lround(
          kBasisStep * std::cos(std::numbers::pi * static_cast<double>(frequency * (2 * x + 1)) / (2.0 * kSide)));
  return basis;
}

}  // namespace

std::optional<Fingerprint> fingerprint(std::span<const uint8_t> planes) {
  static const Basis basis = make_basis();
  const Greys greys = greys_of(planes);
  std::array<std::array<int64_t, kSide>, kFrequencies> columns{};  // by vertical frequency and x
  for (size_t frequency = 0; frequency < kFrequencies; ++frequency)
    for (size_t y = 0; y < kSide; ++y)
      for (size_t x = 0; x < kSide; ++x) columns[frequency][x] += basis[frequency][y] * greys[y * kSide + x];
  std::array<int64_t, Fingerprint::kBits> weights{};
  for (size_t v = 0; v < kFrequencies; ++v)
    for (size_t h = 0; h < kFrequencies; ++h)
      for (size_t x = 0; x < kSide; ++x) weights[v * kFrequencies + h] += basis[h][x] * columns[v][x];
  const std::span frequencies = std::span(weights).subspan(1);  // without the mean
  std::vector<int64_t> sizes;
  for (const int64_t weight : frequencies) sizes.push_back(std::abs(weight));
  if (median(sizes) < kPlain) return std::nullopt;
  const int64_t middle = median({frequencies.begin(), frequencies.end()});
  Fingerprint result;
  for (size_t i = 1; i < weights.size(); ++i)
    if (weights[i] > middle) result.words[i / 16] |= static_cast<uint16_t>(1u << i % 16);
  return result;
}

int distance(const Fingerprint& a, const Fingerprint& b) {
  int bits = 0;
  for (size_t i = 0; i < a.words.size(); ++i) bits += std::popcount(static_cast<uint16_t>(a.words[i] ^ b.words[i]));
  return bits;
}

}  // namespace atelier
