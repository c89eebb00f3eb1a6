#pragma once

#include <cstddef>
#include <cstdint>

#include "images/taps.h"

/// The inner loops of resampling. Not for callers outside images/.
///
/// Samples on their way are int16 in 1/128 of a level, 0..32640. Columns lie as rows of kStrip samples, so that both
/// passes of a resize are the same vertical sum, which the compiler turns into vector instructions by itself. Integer
/// arithmetic: the same bits on every machine.
namespace atelier {

inline constexpr int kStrip = 16;   ///< target rows that are finished together
inline constexpr int kLevel = 128;  ///< steps from one level to the next

/// out[i] = the sum of weights[k] * rows[k][i] over k < taps, for i < samples.
void blend_rows(const uint8_t* const* rows, const int16_t* weights, int taps, int samples, int16_t* out);

/// kStrip rows, `stride` apart, to `count` columns; count is a multiple of 8.
void to_columns(const int16_t* rows, size_t stride, int count, int16_t* columns);
void to_rows(const int16_t* columns, int count, int16_t* rows, size_t stride);

/// out[t] = the sum of the weights of target t times columns[step * (first + k)], column by column.
void blend_columns(const int16_t* columns, int step, const Taps& taps, int16_t* out);

/// Rounds `count` samples to levels and multiplies these by factor / 65536, rounded and clamped.
void to_bytes(const int16_t* samples, int count, uint32_t factor, uint8_t* out);

/// The same from Y, Cb and Cr to R, G and B (JFIF: ITU-R BT.601, full range).
void to_rgb(const int16_t* luma, const int16_t* blue, const int16_t* red, int count, uint32_t factor, uint8_t* r,
            uint8_t* g, uint8_t* b);

}  // namespace atelier
