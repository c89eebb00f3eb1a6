#include "images/degrade.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "base/random.h"

namespace atelier {
namespace {

/// The draws of Purpose::kDegrade, by element.
enum Draw : uint64_t { kHasNoise, kHasBlur, kHasShake, kHasMotion, kNoise, kBlur, kShake, kMotion, kPath };

constexpr size_t kSteps = 24;  // of a shaking hand while the shutter is open

/// One channel as float32.
struct Plane {
  Size size;
  std::vector<float> values;
  explicit Plane(Size edges)
      : size(edges), values(static_cast<size_t>(edges.width) * static_cast<size_t>(edges.height)) {}
  float* row(int y) { return values.data() + static_cast<ptrdiff_t>(y) * size.width; }
  const float* row(int y) const { return values.data() + static_cast<ptrdiff_t>(y) * size.width; }
};

/// Part of a point-spread function: the share of the pixel that lies `x`, `y` away.
struct Tap {
  int x, y;
  float weight;
};

Plane convolve(const Plane& from, const std::vector<Tap>& taps) {
  Plane to(from.size);
  const auto [width, height] = from.size;
  for (int y = 0; y < height; ++y) {
    for (const Tap& tap : taps) {
      const float* source = from.row(std::clamp(y + tap.y, 0, height - 1));
      float* out = to.row(y);
      const int begin = std::clamp(-tap.x, 0, width), end = std::clamp(width - tap.x, begin, width);
      for (int x = 0; x < begin; ++x) out[x] += tap.weight * source[0];
      for (int x = begin; x < end; ++x) out[x] += tap.weight * source[x + tap.x];
      for (int x = end; x < width; ++x) out[x] += tap.weight * source[width - 1];
    }
  }
  return to;
}

/// The half of a Gaussian's weights that lies on one side, the middle first; with the other half they add up to 1.
std::vector<float> gaussian(double deviation) {
  std::vector<float> weights;
  double sum = 0;
  for (int x = 0; x <= static_cast<int>(std::ceil(3 * deviation)); ++x) {
    const double weight = std::exp(-0.5 * (x / deviation) * (x / deviation));
    sum += x == 0 ? weight : 2 * weight;
    weights.push_back(static_cast<float>(weight));
  }
  for (float& weight : weights) weight = static_cast<float>(weight / sum);
  return weights;
}

Plane blurred(const Plane& from, double deviation) {
  const std::vector<float> weights = gaussian(deviation);
  std::vector<Tap> across, down;
  for (int x = 0; x < static_cast<int>(weights.size()); ++x) {
    for (const int side : {-x, x}) {
      if (side == 0 && !across.empty()) continue;  // the middle counts once
      across.push_back({side, 0, weights[static_cast<size_t>(x)]});
      down.push_back({0, side, weights[static_cast<size_t>(x)]});
    }
  }
  return convolve(convolve(from, across), down);
}

/// The point-spread function of a picture that takes `path`: each point is shared by the four pixels around it.
std::vector<Tap> taps_of(const Degradation::Path& path, double side) {
  std::vector<Tap> taps;
  const auto add = [&](int x, int y, float weight) {
    const auto known = std::ranges::find_if(taps, [&](const Tap& tap) { return tap.x == x && tap.y == y; });
    if (known != taps.end())
      known->weight += weight;
    else if (weight > 0)
      taps.push_back({x, y, weight});
  };
  const float share = 1 / static_cast<float>(path.size());
  for (const auto& [x, y] : path) {
    const float column = x * static_cast<float>(side), row = y * static_cast<float>(side);
    const float left = std::floor(column), top = std::floor(row);
    const float right_share = column - left, bottom_share = row - top;
    const int x0 = static_cast<int>(left), y0 = static_cast<int>(top);
    add(x0, y0, share * (1 - right_share) * (1 - bottom_share));
    add(x0 + 1, y0, share * right_share * (1 - bottom_share));
    add(x0, y0 + 1, share * (1 - right_share) * bottom_share);
    add(x0 + 1, y0 + 1, share * right_share * bottom_share);
  }
  return taps;
}

/// Moves the path so that its centre of mass is at 0: a picture is not displaced.
Degradation::Path centred(Degradation::Path path) {
  float x = 0, y = 0;
  for (const auto& point : path) x += point.first, y += point.second;
  for (auto& point : path) {
    point.first -= x / static_cast<float>(path.size());
    point.second -= y / static_cast<float>(path.size());
  }
  return path;
}

/// A hand's walk, scaled to reach `extent` from its centre.
Degradation::Path draw_shake(uint64_t seed, uint64_t position, double extent) {
  Degradation::Path path{{0.0F, 0.0F}};
  for (uint64_t step = 1; step < kSteps; ++step) {
    const auto& [x, y] = path.back();
    path.emplace_back(x + static_cast<float>(random_normal(seed, position, Purpose::kDegrade, kPath + 2 * step)),
                      y + static_cast<float>(random_normal(seed, position, Purpose::kDegrade, kPath + 2 * step + 1)));
  }
  path = centred(std::move(path));
  float reach = 0;
  for (const auto& [x, y] : path) reach = std::max(reach, std::sqrt(x * x + y * y));
  for (auto& [x, y] : path) x *= static_cast<float>(extent) / reach, y *= static_cast<float>(extent) / reach;
  return path;
}

/// A line of `length` in a direction drawn from all.
Degradation::Path draw_motion(uint64_t seed, uint64_t position, double length) {
  const double x = random_normal(seed, position, Purpose::kDegrade, kPath);
  const double y = random_normal(seed, position, Purpose::kDegrade, kPath + 1);
  const double norm = std::max(1e-9, std::sqrt(x * x + y * y));
  constexpr int kPoints = 65;
  Degradation::Path path;
  for (int i = 0; i < kPoints; ++i) {
    const double along = length * (i / (kPoints - 1.0) - 0.5);
    path.emplace_back(static_cast<float>(along * x / norm), static_cast<float>(along * y / norm));
  }
  return path;
}

}  // namespace

Degradation draw_degradation(uint64_t seed, uint64_t position, const DegradationChances& chances) {
  const auto uniform = [&](Draw draw) { return random_uniform(seed, position, Purpose::kDegrade, draw); };
  const auto between = [&](double low, double high, Draw draw) { return low + (high - low) * uniform(draw); };
  Degradation degradation;
  if (uniform(kHasNoise) < chances.noise) degradation.noise = static_cast<float>(between(2, 15, kNoise));
  if (uniform(kHasBlur) < chances.blur) degradation.blur = static_cast<float>(between(0.003, 0.015, kBlur));
  if (uniform(kHasShake) < chances.shake) degradation.shake = draw_shake(seed, position, between(0.005, 0.02, kShake));
  if (uniform(kHasMotion) < chances.motion)
    degradation.motion = draw_motion(seed, position, between(0.01, 0.05, kMotion));
  return degradation;
}

void degrade(std::span<uint8_t> planes, Size size, const Degradation& degradation, uint64_t seed, uint64_t position) {
  const size_t count = static_cast<size_t>(size.width) * static_cast<size_t>(size.height);
  if (planes.size() != 3 * count) throw std::invalid_argument("degrade needs 3 * height * width bytes");
  if (degradation.is_none()) return;
  const double side = std::sqrt(static_cast<double>(count));
  std::vector<float> noise(degradation.noise > 0 ? 3 * count : 0);
  if (!noise.empty()) fill_normal(noise, seed, position, Purpose::kGrain);
  for (size_t channel = 0; channel < 3; ++channel) {
    const auto pixels = planes.subspan(channel * count, count);
    Plane plane(size);
    std::ranges::copy(pixels, plane.values.begin());
    for (size_t i = 0; i < count && !noise.empty(); ++i)
      plane.values[i] += degradation.noise * noise[channel * count + i];
    if (degradation.blur > 0) plane = blurred(plane, static_cast<double>(degradation.blur) * side);
    if (!degradation.shake.empty()) plane = convolve(plane, taps_of(degradation.shake, side));
    if (!degradation.motion.empty()) plane = convolve(plane, taps_of(degradation.motion, side));
    std::ranges::transform(plane.values, pixels.begin(), [](float value) {
      return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0F, 255.0F));
    });
  }
}

}  // namespace atelier
