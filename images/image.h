#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace atelier {

/// An RGB picture in memory: interleaved uint8, row-major, height * width * 3 bytes, no padding. A value.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;

  Image() = default;
  Image(int columns, int rows, uint8_t fill = 255)
      : width(columns), height(rows), rgb(static_cast<size_t>(columns) * static_cast<size_t>(rows) * 3, fill) {}
  bool operator==(const Image&) const = default;
};

/// A single-channel picture, uint8, row-major: 255 on a line, 0 elsewhere.
struct Outline {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;

  Outline() = default;
  Outline(int columns, int rows)
      : width(columns), height(rows), pixels(static_cast<size_t>(columns) * static_cast<size_t>(rows)) {}
  bool operator==(const Outline&) const = default;
};

}  // namespace atelier
