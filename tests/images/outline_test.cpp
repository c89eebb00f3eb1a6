#include <algorithm>
#include <array>
#include <gtest/gtest.h>

#include "base/random.h"
#include "images/transform.h"

namespace atelier {
namespace {

/// A box of `colour` from (16, 16) to (47, 47) on a ground of `ground`, in 64 x 64.
Image box(std::array<uint8_t, 3> colour, uint8_t ground = 255) {
  Image image(64, 64, ground);
  for (int y = 16; y < 48; ++y) {
    for (int x = 16; x < 48; ++x) {
      std::copy(colour.begin(), colour.end(), image.rgb.begin() + (y * 64 + x) * 3);
    }
  }
  return image;
}

int64_t count(const Outline& lines) { return std::count(lines.pixels.begin(), lines.pixels.end(), 255); }

/// How much of the box's border (but for its corners) has a line within a pixel.
double silhouette(const Outline& lines) {
  int found = 0, asked = 0;
  const auto on = [&](int x, int y) { return lines.pixels[static_cast<size_t>(y * 64 + x)] == 255; };
  for (int i = 20; i < 44; ++i) {
    for (const int edge : {16, 47}) {
      found += on(edge - 1, i) || on(edge, i) || on(edge + 1, i);
      found += on(i, edge - 1) || on(i, edge) || on(i, edge + 1);
      asked += 2;
    }
  }
  return static_cast<double>(found) / asked;
}

TEST(OutlineOf, HasThePicturesSizeAndTwoValues) {
  const Outline lines = outline(Image(40, 30, 9));
  EXPECT_EQ(lines, Outline(40, 30));
  const Outline edges = outline(box({10, 20, 200}));
  EXPECT_TRUE(std::all_of(edges.pixels.begin(), edges.pixels.end(), [](uint8_t p) { return p == 0 || p == 255; }));
  EXPECT_EQ(to_image(edges).rgb[0], edges.pixels[0]);
}

TEST(OutlineOf, IsAThinLineAroundAPlainPiece) {
  const Outline lines = outline(box({120, 70, 40}));
  EXPECT_EQ(silhouette(lines), 1.0);
  EXPECT_NEAR(static_cast<double>(count(lines)), 4 * 32, 12);
}

TEST(OutlineOf, KeepsWhiteFurnitureOnWhite) { EXPECT_EQ(silhouette(outline(box({246, 246, 246}))), 1.0); }

TEST(OutlineOf, SeesEdgesOfOneChannelOnly) {
  EXPECT_EQ(silhouette(outline(box({128, 128, 60}, 128))), 1.0);
  EXPECT_EQ(silhouette(outline(box({128, 60, 128}, 128))), 1.0);
  EXPECT_EQ(silhouette(outline(box({60, 128, 128}, 128))), 1.0);
}

TEST(OutlineOf, DoesNotDrawTheNoiseOfPaperOrTheGrainOfWood) {
  Image noisy = box({120, 70, 40});
  for (size_t i = 0; i < noisy.rgb.size(); ++i) {
    const int swing = noisy.rgb[i] == 255 ? 3 : 17;  // paper 253..255, wood +-8
    const int noise = static_cast<int>(random_below(static_cast<uint64_t>(swing), 1, i, Purpose::kNoise)) - swing / 2;
    noisy.rgb[i] = static_cast<uint8_t>(std::clamp(noisy.rgb[i] + noise - (swing == 3 ? 1 : 0), 0, 255));
  }
  const Outline lines = outline(noisy);
  EXPECT_EQ(silhouette(lines), 1.0);
  EXPECT_LT(count(lines), 4 * 32 * 5 / 4);
}

}  // namespace
}  // namespace atelier
