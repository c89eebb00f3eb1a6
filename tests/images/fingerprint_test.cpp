#include "images/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numbers>
#include <vector>

#include "images/decode.h"
#include "images/encode.h"
#include "images/transform.h"
#include "tests/support/scene.h"

namespace atelier::test {
namespace {

constexpr int kSide = Fingerprint::kSide;

std::vector<uint8_t> planes_of(const Image& image) {
  std::vector<uint8_t> planes(size_t{3} * kSide * kSide);
  to_planes(fit_square(image, kSide, FrameFit::kStretch, Filter::kArea), planes);
  return planes;
}

Fingerprint print_of(const Image& image) { return fingerprint(planes_of(image)).value(); }

Image photo() { return scene(1); }

/// A photograph and its copies of another size, quality and brightness.
TEST(Fingerprint, IsThatOfItsCopies) {
  const Image original = photo();
  const Fingerprint print = print_of(original);
  const auto copy = std::get<Image>(decode(encode_jpeg(original, 30)));
  EXPECT_LE(distance(print, print_of(copy)), 20);
  EXPECT_LE(distance(print, print_of(fit_square(original, 96, FrameFit::kStretch))), 20);
  Image brighter = original;
  for (uint8_t& value : brighter.rgb) value = static_cast<uint8_t>(std::min(255.0, 1.1 * value));
  EXPECT_LE(distance(print, print_of(brighter)), 20);
  Image mirrored = original;
  for (int y = 0; y < mirrored.height; ++y)
    for (int x = 0; x < mirrored.width; ++x)
      for (int c = 0; c < 3; ++c)
        mirrored.rgb[static_cast<size_t>((y * mirrored.width + x) * 3 + c)] =
            original.rgb[static_cast<size_t>((y * mirrored.width + mirrored.width - 1 - x) * 3 + c)];
  EXPECT_GT(distance(print, print_of(mirrored)), 60);
}

/// The definition, in floating point.
TEST(Fingerprint, IsWhatTheTransformSays) {
  const std::vector<uint8_t> planes = planes_of(photo());
  std::vector<double> weights;
  for (int v = 0; v < 16; ++v)
    for (int h = 0; h < 16; ++h) {
      double sum = 0;
      for (int y = 0; y < kSide; ++y)
        for (int x = 0; x < kSide; ++x) {
          const auto value = [&](int plane) { return planes[static_cast<size_t>((plane * kSide + y) * kSide + x)]; };
          const double grey = 0.299 * value(0) + 0.587 * value(1) + 0.114 * value(2);
          sum += grey * std::cos(std::numbers::pi * v * (2 * y + 1) / 128) *
                 std::cos(std::numbers::pi * h * (2 * x + 1) / 128);
        }
      weights.push_back(sum);
    }
  std::vector<double> sorted(weights.begin() + 1, weights.end());
  std::sort(sorted.begin(), sorted.end());
  const double median = sorted[127];
  const Fingerprint print = fingerprint(planes).value();
  EXPECT_EQ(print.words[0] & 1, 0) << "the mean says nothing";
  for (size_t i = 1; i < weights.size(); ++i) {
    if (std::abs(weights[i] - median) < 8) continue;  // what rounding may decide
    EXPECT_EQ((print.words[i / 16] >> i % 16 & 1) != 0, weights[i] > median) << i;
  }
}

TEST(Fingerprint, NothingPlainOrRegularHasOne) {
  EXPECT_FALSE(fingerprint(planes_of(Image(200, 100, 90))));
  Image stripes(256, 256), noise(256, 256);
  for (size_t i = 0; i < stripes.rgb.size(); ++i) {
    stripes.rgb[i] = (i / 3) % 64 < 32 ? 0 : 255;
    noise.rgb[i] = static_cast<uint8_t>(128 + i * 2654435761u % 7);
  }
  EXPECT_FALSE(fingerprint(planes_of(stripes)));
  EXPECT_FALSE(fingerprint(planes_of(noise)));
  EXPECT_TRUE(fingerprint(planes_of(photo())));
  EXPECT_THROW(fingerprint(std::vector<uint8_t>(100)), std::invalid_argument);
}

}  // namespace
}  // namespace atelier::test
