#include "images/kernels.h"

#include <algorithm>

#include "base/clones.h"

namespace atelier {
namespace {

constexpr int32_t kHalf = Taps::kOne / 2;

ATELIER_INLINE int16_t clamped(int32_t sample) {
  return static_cast<int16_t>(std::clamp<int32_t>(sample, 0, 255 * kLevel));
}

template <int kTaps>
ATELIER_INLINE void blend(const uint8_t* const* rows, const int16_t* weights, int samples, int16_t* __restrict out) {
  const uint8_t* row[kTaps];
  int32_t weight[kTaps];
  for (int k = 0; k < kTaps; ++k) row[k] = rows[k], weight[k] = weights[k];
  for (int i = 0; i < samples; ++i) {
    int32_t sum = kHalf / kLevel;
    for (int k = 0; k < kTaps; ++k) sum += weight[k] * row[k][i];
    out[i] = clamped(sum >> 7);
  }
}

/// More taps than kUnrolled: kBlock samples at a time.
ATELIER_INLINE void blend_many(const uint8_t* const* rows, const int16_t* weights, int taps, int samples,
                               int16_t* __restrict out) {
  constexpr int kBlock = 64;
  for (int begin = 0; begin < samples; begin += kBlock) {
    const int count = std::min(kBlock, samples - begin);
    int32_t sums[kBlock];
    for (int i = 0; i < count; ++i) sums[i] = kHalf / kLevel;
    for (int k = 0; k < taps; ++k) {
      const uint8_t* row = rows[k] + begin;
      const int32_t weight = weights[k];
      for (int i = 0; i < count; ++i) sums[i] += weight * row[i];
    }
    for (int i = 0; i < count; ++i) out[begin + i] = clamped(sums[i] >> 7);
  }
}

constexpr int kUnrolled = 14;  ///< the most taps that a JPEG needs: Lanczos, shrinking by just less than 2

/// `taps` of kTaps or fewer.
template <int kTaps = kUnrolled>
ATELIER_INLINE void blend_few(const uint8_t* const* rows, const int16_t* weights, int taps, int samples, int16_t* out) {
  if (taps == kTaps) return blend<kTaps>(rows, weights, samples, out);
  if constexpr (kTaps > 1) blend_few<kTaps - 1>(rows, weights, taps, samples, out);
}

using Eight [[gnu::vector_size(16)]] = int16_t;

ATELIER_INLINE Eight load(const int16_t* from) {
  Eight lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// Transposes 8 x 8 samples: three rounds of interleaving rows that lie four apart.
ATELIER_INLINE void turn(const int16_t* from, size_t from_stride, int16_t* to, size_t to_stride) {
  Eight rows[8], mixed[8];
  for (size_t i = 0; i < 8; ++i) rows[i] = load(from + i * from_stride);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < 4; ++i) {
      mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    for (size_t i = 0; i < 8; ++i) rows[i] = mixed[i];
  }
  for (size_t i = 0; i < 8; ++i) __builtin_memcpy(to + i * to_stride, &rows[i], sizeof rows[i]);
}

ATELIER_INLINE uint8_t byte_of(int32_t sample, uint32_t factor) {
  const auto level = static_cast<uint32_t>(std::clamp((sample + kLevel / 2) >> 7, 0, 255));
  return static_cast<uint8_t>(std::min((level * factor + 32768) >> 16, 255u));
}

}  // namespace

ATELIER_CLONES("avx2")
void blend_rows(const uint8_t* const* rows, const int16_t* weights, int taps, int samples, int16_t* out) {
  if (taps <= kUnrolled) {
    blend_few(rows, weights, taps, samples, out);
  } else {
    blend_many(rows, weights, taps, samples, out);
  }
}

ATELIER_CLONES("avx2") void blend_columns(const int16_t* columns, int step, const Taps& taps, int16_t* __restrict out) {
  for (int t = 0; t < taps.targets(); ++t, out += kStrip) {
    const int16_t* weights = taps.weights_of(t);
    const int16_t* column = columns + kStrip * step * taps.first[static_cast<size_t>(t)];
    int32_t sums[kStrip];
    for (int32_t& sum : sums) sum = kHalf;
    for (int k = 0; k < taps.count; ++k, column += kStrip * step) {
      const int32_t weight = weights[k];
      for (int r = 0; r < kStrip; ++r) sums[r] += weight * column[r];
    }
    for (int r = 0; r < kStrip; ++r) out[r] = clamped(sums[r] >> 14);
  }
}

ATELIER_CLONES("avx2") void to_columns(const int16_t* rows, size_t stride, int count, int16_t* columns) {
  for (int x = 0; x < count; x += 8) {
    for (size_t r = 0; r < kStrip; r += 8) turn(rows + r * stride + x, stride, columns + x * kStrip + r, kStrip);
  }
}

ATELIER_CLONES("avx2") void to_rows(const int16_t* columns, int count, int16_t* rows, size_t stride) {
  for (int x = 0; x < count; x += 8) {
    for (size_t r = 0; r < kStrip; r += 8) turn(columns + x * kStrip + r, kStrip, rows + r * stride + x, stride);
  }
}

ATELIER_CLONES("avx2") void to_bytes(const int16_t* samples, int count, uint32_t factor, uint8_t* __restrict out) {
  for (int i = 0; i < count; ++i) out[i] = byte_of(samples[i], factor);
}

ATELIER_CLONES("avx2")
void to_rgb(const int16_t* luma, const int16_t* blue, const int16_t* red, int count, uint32_t factor,
            uint8_t* __restrict r, uint8_t* __restrict g, uint8_t* __restrict b) {
  for (int i = 0; i < count; ++i) {
    const int32_t y = luma[i] * 16384 + 8192, cb = blue[i] - 128 * kLevel, cr = red[i] - 128 * kLevel;
    r[i] = byte_of((y + 22970 * cr) >> 14, factor);              // 1.402
    g[i] = byte_of((y - 5638 * cb - 11700 * cr) >> 14, factor);  // 0.344136, 0.714136
    b[i] = byte_of((y + 29032 * cb) >> 14, factor);              // 1.772
  }
}

}  // namespace atelier
