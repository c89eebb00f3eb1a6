#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "images/resize.h"

/// What Resizer computes, written for reading instead of speed: whole layers, one sample at a time, mirrors and the
/// exchange of rows and columns at the end. Shares nothing with it but place() and make_taps().
namespace atelier::plain {

struct Samples {
  Layer layer;
  std::vector<uint8_t> values;  ///< rows of layer.width * layer.channels

  int at(int x, int y, int channel) const {
    return values[static_cast<size_t>((y * layer.width + x) * layer.channels + channel)];
  }
};

inline int limited(int sample) { return std::clamp(sample, 0, 255 * 128); }

/// One channel of the picture, height rows of width samples in 1 / 128 of a level, neither mirrored nor turned.
inline std::vector<int> channel_of(const Samples& samples, int channel, const Placement& to) {
  const double sx = samples.layer.coarse_x, sy = samples.layer.coarse_y;
  const Taps across = make_taps(samples.layer.width, {to.left / sx, (to.left + to.columns) / sx}, to.width, to.filter);
  const Taps down = make_taps(samples.layer.height, {to.top / sy, (to.top + to.rows) / sy}, to.height, to.filter);
  std::vector<int> result;
  for (int y = 0; y < to.height; ++y) {
    std::vector<int> row(static_cast<size_t>(samples.layer.width));
    for (int x = 0; x < samples.layer.width; ++x) {
      int sum = 64;
      for (int k = 0; k < down.count; ++k)
        sum += down.weights_of(y)[k] * samples.at(x, down.first[static_cast<size_t>(y)] + k, channel);
      row[static_cast<size_t>(x)] = limited(sum >> 7);
    }
    for (int x = 0; x < to.width; ++x) {
      int sum = 8192;
      for (int k = 0; k < across.count; ++k)
        sum += across.weights_of(x)[k] * row[static_cast<size_t>(across.first[static_cast<size_t>(x)] + k)];
      result.push_back(limited(sum >> 14));
    }
  }
  return result;
}

inline uint8_t byte_of(int64_t sample, uint32_t factor) {
  const int64_t level = std::clamp<int64_t>((sample + 64) >> 7, 0, 255);
  return static_cast<uint8_t>(std::min<int64_t>((level * factor + 32768) / 65536, 255));
}

/// The frame's planes.
inline std::vector<uint8_t> framed(const std::vector<Samples>& layers, const Placement& to) {
  std::vector<std::vector<int>> channels;
  for (const Samples& samples : layers)
    for (int c = 0; c < samples.layer.channels; ++c) channels.push_back(channel_of(samples, c, to));
  if (channels.size() == 1) channels.resize(3, channels[0]);
  const Size upright = to.transposed ? Size{to.frame.height, to.frame.width} : to.frame;
  const auto across = static_cast<size_t>(upright.width), down = static_cast<size_t>(upright.height);
  std::vector<uint8_t> planes(3 * across * down, byte_of(255 * 128, to.factor));
  for (int row = 0; row < to.height; ++row) {
    for (int column = 0; column < to.width; ++column) {
      const auto i = static_cast<size_t>(row * to.width + column);
      int64_t rgb[3] = {channels[0][i], channels[1][i], channels[2][i]};
      if (layers.size() == 3) {
        const int64_t y = rgb[0] * 16384 + 8192, cb = rgb[1] - 16384, cr = rgb[2] - 16384;
        rgb[0] = (y + 22970 * cr) >> 14;
        rgb[1] = (y - 5638 * cb - 11700 * cr) >> 14;
        rgb[2] = (y + 29032 * cb) >> 14;
      }
      size_t x = static_cast<size_t>(to.x + (to.mirror_x ? to.width - 1 - column : column));
      size_t y = static_cast<size_t>(to.y + (to.mirror_y ? to.height - 1 - row : row));
      if (to.transposed) std::swap(x, y);
      for (size_t c = 0; c < 3; ++c) planes[(c * down + y) * across + x] = byte_of(rgb[c], to.factor);
    }
  }
  return planes;
}

}  // namespace atelier::plain
