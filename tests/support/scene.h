#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "images/image.h"

namespace atelier::test {

/// A picture with as much in it as a photograph: 40 soft blobs of any colour, others for each `number`.
inline Image scene(unsigned number, int width = 120, int height = 90) {
  std::mt19937 random(number);
  const auto share = [&] { return static_cast<double>(random() % 1000) / 1000; };
  std::vector<double> sums(static_cast<size_t>(3 * width * height), 120);
  for (int blob = 0; blob < 40; ++blob) {
    const double left = share(), top = share(), radius = 0.02 + 0.1 * share();
    const double colour[3] = {240 * share() - 120, 240 * share() - 120, 240 * share() - 120};
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const double right = (x + 0.5) / width - left, down = (y + 0.5) / height - top;
        const double weight = std::exp(-(right * right + down * down) / (2 * radius * radius));
        for (int c = 0; c < 3; ++c) sums[static_cast<size_t>((y * width + x) * 3 + c)] += weight * colour[c];
      }
  }
  Image image(width, height);
  for (size_t i = 0; i < sums.size(); ++i) image.rgb[i] = static_cast<uint8_t>(std::min(255.0, std::max(0.0, sums[i])));
  return image;
}

}  // namespace atelier::test
