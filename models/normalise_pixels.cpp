#include "models/normalise_pixels.h"

#include "models/lanes.h"

namespace atelier {
namespace {

using Integers [[gnu::vector_size(kLanes * sizeof(int32_t))]] = int32_t;

/// exp(x) to 2e-7 of itself, as 2^n times the first terms of the series around 0; that of -87 below, infinity from 88.4
/// on.
ATELIER_INLINE void exponential(const Lanes& x, Lanes& y) {
  constexpr float kRounding = 12582912;  // 1.5 * 2^23: added, it leaves whole numbers in the last bits
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  Lanes bounded = x < -87.0F ? Lanes{} - 87.0F : x;
  bounded = bounded > 89.0F ? Lanes{} + 89.0F : bounded;
  const Lanes rounded = bounded * 1.44269504F + kRounding;
  const Lanes power = rounded - kRounding;
  const Lanes rest = bounded - power * kLn2High - power * kLn2Low;  // at most ln(2) / 2 large
  const Lanes series =
      1 + rest * (1 + rest * (1 / 2.0F + rest * (1 / 6.0F + rest * (1 / 24.0F + rest * (1 / 120.0F + rest / 720)))));
  const Integers exponent = (__builtin_convertvector(power, Integers) + 127) << 23;
  Lanes scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  y = series * scale;
}

ATELIER_INLINE void sigmoid(const Lanes& x, Lanes& y) {
  Lanes power;
  exponential(-x, power);
  y = 1 / (1 + power);
}

template <Activation kKind>
ATELIER_INLINE void activate(const Lanes& x, Lanes& y) {
  if constexpr (kKind == Activation::kNone) y = x;
  if constexpr (kKind == Activation::kRelu) y = x < 0 ? Lanes{} : x;
  if constexpr (kKind == Activation::kLeakyRelu) y = x < 0 ? kLeakySlope * x : x;
  if constexpr (kKind == Activation::kSilu) {
    sigmoid(x, y);
    y *= x;
  }
}

/// gradient times the derivative at x; that of the rectified ones is that of the left at 0.
template <Activation kKind>
ATELIER_INLINE void activate_back(const Lanes& x, const Lanes& gradient, Lanes& y) {
  if constexpr (kKind == Activation::kNone) y = gradient;
  if constexpr (kKind == Activation::kRelu) y = x <= 0 ? Lanes{} : gradient;
  if constexpr (kKind == Activation::kLeakyRelu) y = x <= 0 ? kLeakySlope * gradient : gradient;
  if constexpr (kKind == Activation::kSilu) {
    Lanes share;
    sigmoid(x, share);
    y = gradient * share * (1 + x * (1 - share));
  }
}

/// ScaleShift of some channels.
struct Numbers {
  Lanes mean, scale, shift;

  ATELIER_INLINE Numbers(const ScaleShift& from, int64_t channel, int64_t count) {
    load(mean, from.mean + channel, count);
    load(scale, from.scale + channel, count);
    load(shift, from.shift + channel, count);
  }
};

template <Activation kKind>
ATELIER_INLINE void scale_and_activate(const float* x, ScaleShift numbers, PixelBlock block, float* y) {
  for (int64_t channel = 0; channel < block.channels; channel += kLanes) {
    const int64_t count = block.channels - channel;
    const Numbers own(numbers, channel, count);
    for (int64_t pixel = 0; pixel < block.pixels; ++pixel) {
      Lanes value, result;
      load(value, x + pixel * block.channels + channel, count);
      activate<kKind>(own.scale * (value - own.mean) + own.shift, result);
      store(result, y + pixel * block.channels + channel, count);
    }
  }
}

template <Activation kKind>
ATELIER_INLINE void undo_activation(const float* x, const float* gradient, ScaleShift numbers, PixelBlock block,
                                    float* inner, float* sums) {
  for (int64_t channel = 0; channel < block.channels; channel += kLanes) {
    const int64_t count = block.channels - channel;
    const Numbers own(numbers, channel, count);
    Lanes sum = {}, product = {};
    for (int64_t pixel = 0; pixel < block.pixels; ++pixel) {
      const int64_t at = pixel * block.channels + channel;
      Lanes value, outer, result;
      load(value, x + at, count);
      load(outer, gradient + at, count);
      value -= own.mean;
      activate_back<kKind>(own.scale * value + own.shift, outer, result);
      sum += result;
      product += result * value;
      store(result, inner + at, count);
    }
    store(sum, sums + channel, count);
    store(product, sums + block.channels + channel, count);
  }
}

template <class From, class To>
ATELIER_INLINE void convert(const From* x, PixelBlock block, To* y) {
  for (size_t i = 0; i < block.size(); ++i) y[i] = static_cast<To>(x[i]);
}

}  // namespace

ATELIER_VECTOR_CLONES
void sum_moments(const float* x, const float* origin, PixelBlock block, float* sums) {
  for (int64_t channel = 0; channel < block.channels; channel += kLanes) {
    const int64_t count = block.channels - channel;
    Lanes start, sum = {}, square = {};
    load(start, origin + channel, count);
    for (int64_t pixel = 0; pixel < block.pixels; ++pixel) {
      Lanes value;
      load(value, x + pixel * block.channels + channel, count);
      value -= start;
      sum += value;
      square += value * value;
    }
    store(sum, sums + channel, count);
    store(square, sums + block.channels + channel, count);
  }
}

ATELIER_VECTOR_CLONES
void scale_and_activate(const float* x, ScaleShift numbers, Activation activation, PixelBlock block, float* y) {
  switch (activation) {
    case Activation::kNone:
      return scale_and_activate<Activation::kNone>(x, numbers, block, y);
    case Activation::kSilu:
      return scale_and_activate<Activation::kSilu>(x, numbers, block, y);
    case Activation::kRelu:
      return scale_and_activate<Activation::kRelu>(x, numbers, block, y);
    case Activation::kLeakyRelu:
      return scale_and_activate<Activation::kLeakyRelu>(x, numbers, block, y);
  }
}

ATELIER_VECTOR_CLONES
void undo_activation(const float* x, const float* gradient, ScaleShift numbers, Activation activation, PixelBlock block,
                     float* inner, float* sums) {
  switch (activation) {
    case Activation::kNone:
      return undo_activation<Activation::kNone>(x, gradient, numbers, block, inner, sums);
    case Activation::kSilu:
      return undo_activation<Activation::kSilu>(x, gradient, numbers, block, inner, sums);
    case Activation::kRelu:
      return undo_activation<Activation::kRelu>(x, gradient, numbers, block, inner, sums);
    case Activation::kLeakyRelu:
      return undo_activation<Activation::kLeakyRelu>(x, gradient, numbers, block, inner, sums);
  }
}

ATELIER_VECTOR_CLONES
void add_moments(const float* x, ScaleShift numbers, const float* slope, PixelBlock block, const float* inner,
                 float* gradient) {
  for (int64_t channel = 0; channel < block.channels; channel += kLanes) {
    const int64_t count = block.channels - channel;
    const Numbers own(numbers, channel, count);
    Lanes incline;
    load(incline, slope + channel, count);
    for (int64_t pixel = 0; pixel < block.pixels; ++pixel) {
      const int64_t at = pixel * block.channels + channel;
      Lanes value, outer;
      load(value, x + at, count);
      load(outer, inner + at, count);
      store(own.scale * outer + incline * (value - own.mean) + own.shift, gradient + at, count);
    }
  }
}

ATELIER_VECTOR_CLONES
void widen(const c10::BFloat16* x, PixelBlock block, float* y) { convert(x, block, y); }

ATELIER_VECTOR_CLONES
void widen(const c10::Half* x, PixelBlock block, float* y) { convert(x, block, y); }

ATELIER_VECTOR_CLONES
void narrow(const float* x, PixelBlock block, c10::BFloat16* y) { convert(x, block, y); }

ATELIER_VECTOR_CLONES
void narrow(const float* x, PixelBlock block, c10::Half* y) { convert(x, block, y); }

}  // namespace atelier
