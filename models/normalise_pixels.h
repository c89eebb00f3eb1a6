#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cstddef>
#include <cstdint>

/// The loops of normalise.h over float32 pixels in memory order [pixels, channels]. Each function works on one block of
/// pixels of one sample, on the calling thread; what is "of each channel" is [channels].
namespace atelier {

/// What is done with a normalised number.
enum class Activation { kNone, kSilu, kRelu, kLeakyRelu };

constexpr float kLeakySlope = 0.2F;

struct PixelBlock {
  int64_t pixels, channels;

  size_t size() const { return static_cast<size_t>(pixels * channels); }
};

/// The sums of x - origin and of its square, of each channel: `sums` is [2, channels]. An `origin` among the numbers
/// keeps the variance exact where it is small beside the mean.
void sum_moments(const float* x, const float* origin, PixelBlock block, float* sums);

/// scale (x - mean) + shift, of each channel: exact where x is large and hardly varies.
struct ScaleShift {
  const float *mean, *scale, *shift;
};

/// y = activation(scale (x - mean) + shift).
void scale_and_activate(const float* x, ScaleShift numbers, Activation activation, PixelBlock block, float* y);

/// From the gradient at y to that before the activation, `inner`; and `sums` [2, channels] of inner and of
/// inner (x - mean).
void undo_activation(const float* x, const float* gradient, ScaleShift numbers, Activation activation, PixelBlock block,
                     float* inner, float* sums);

/// gradient = scale inner + slope (x - mean) + shift; it may be `inner` itself.
void add_moments(const float* x, ScaleShift numbers, const float* slope, PixelBlock block, const float* inner,
                 float* gradient);

/// y = x, rounded to even.
void widen(const c10::BFloat16* x, PixelBlock block, float* y);
void widen(const c10::Half* x, PixelBlock block, float* y);
void narrow(const float* x, PixelBlock block, c10::BFloat16* y);
void narrow(const float* x, PixelBlock block, c10::Half* y);

}  // namespace atelier
