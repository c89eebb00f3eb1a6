#include "images/degrade.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace atelier {
namespace {

constexpr int kSide = 64;
constexpr size_t kCount = kSide * kSide;

/// Three planes of one value.
std::vector<uint8_t> flat(uint8_t value) { return std::vector<uint8_t>(3 * kCount, value); }

uint8_t& at(std::vector<uint8_t>& planes, size_t channel, int x, int y) {
  return planes[channel * kCount + static_cast<size_t>(y * kSide + x)];
}

std::vector<uint8_t> degraded(std::vector<uint8_t> planes, const Degradation& degradation) {
  degrade(planes, {kSide, kSide}, degradation, 7, 11);
  return planes;
}

double mean(const std::vector<uint8_t>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(Degrade, NothingDrawnChangesNothing) {
  std::vector<uint8_t> planes(3 * kCount);
  std::iota(planes.begin(), planes.end(), uint8_t{0});
  EXPECT_TRUE(draw_degradation(1, 2, {}).is_none());
  EXPECT_EQ(degraded(planes, {}), planes);
  EXPECT_THROW(degrade(planes, {kSide, kSide + 1}, {}, 1, 2), std::invalid_argument);
}

TEST(Degrade, NoiseHasItsDeviationAndNoBias) {
  const auto noisy = degraded(flat(128), {.noise = 10});
  double squares = 0;
  for (const uint8_t value : noisy) squares += (value - 128.0) * (value - 128.0);
  EXPECT_NEAR(mean(noisy), 128, 0.3);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(noisy.size())), 10, 0.3);
  const std::vector<uint8_t> red(noisy.begin(), noisy.begin() + kCount),
      green(noisy.begin() + kCount, noisy.end() - kCount);
  EXPECT_NE(red, green);
}

/// Noise is blurred, not clipped and then blurred: what clipping would add to black is not there.
TEST(Degrade, ClipsOnceAtTheEnd) {
  const auto once = degraded(flat(0), {.noise = 15, .blur = 0.015F});
  auto twice = flat(0);
  degrade(twice, {kSide, kSide}, {.noise = 15}, 7, 11);
  degrade(twice, {kSide, kSide}, {.blur = 0.015F}, 7, 11);
  EXPECT_GT(mean(twice), 5);  // half of a normal distribution of deviation 15 has the mean 6
  EXPECT_LT(mean(once), 4);
}

TEST(Degrade, ABlurredPointIsAGaussianOfItsDeviation) {
  auto planes = flat(0);
  at(planes, 1, 30, 33) = 255;
  const double deviation = 0.015 * kSide;
  auto spread = degraded(planes, {.blur = 0.015F});
  for (int y = 28; y <= 38; ++y) {
    for (int x = 25; x <= 35; ++x) {
      const double far = (x - 30) * (x - 30) + (y - 33) * (y - 33);
      const double expected =
          255 / (2 * std::acos(-1) * deviation * deviation) * std::exp(-far / 2 / deviation / deviation);
      EXPECT_NEAR(at(spread, 1, x, y), expected, 2.5) << x << " " << y;
    }
  }
  EXPECT_EQ(at(spread, 0, 30, 33), 0);
}

TEST(Degrade, APathSpreadsAPointOverItsPixels) {
  auto planes = flat(0);
  at(planes, 0, 32, 32) = 200;
  // Equal times at 0 and 2 pixels to the right, and half of the time half-way between two rows.
  const float pixel = 1.0F / kSide;
  auto moved = degraded(planes, {.motion = {{0, 0}, {2 * pixel, 0}, {0, 0.5F * pixel}, {0, 0.5F * pixel}}});
  EXPECT_EQ(at(moved, 0, 32, 32), 100);  // its first place, and half of each of the last two
  EXPECT_EQ(at(moved, 0, 30, 32), 50);
  EXPECT_EQ(at(moved, 0, 32, 31), 50);
  EXPECT_EQ(std::accumulate(moved.begin(), moved.end(), 0), 200);
}

/// Rows of another length: what happens in a wide picture is what happens in the same part of a square one.
TEST(Degrade, AWidePictureIsDegradedAsASquareWithAsManyPixels) {
  constexpr int kWidth = 2 * kSide, kHeight = kSide / 2;
  const float pixel = 1.0F / kSide;
  const Degradation degradation{.blur = 0.012F, .shake = {}, .motion = {{-pixel, 0}, {pixel, pixel}}};
  auto square = flat(40), wide = flat(40);
  at(square, 2, 30, 20) = 255;
  wide[2 * kCount + 20 * kWidth + 30] = 255;
  square = degraded(square, degradation);
  degrade(wide, {kWidth, kHeight}, degradation, 7, 11);
  for (int y = 12; y < 28; ++y)
    for (int x = 20; x < 40; ++x)
      EXPECT_EQ(wide[2 * kCount + static_cast<size_t>(y * kWidth + x)], at(square, 2, x, y)) << x << " " << y;
  EXPECT_NE(at(square, 2, 30, 20), 40);
}

TEST(Degrade, EdgesGoOnAsTheyAre) {
  Degradation everything{.noise = 0, .blur = 0.015F, .shake = {}, .motion = {}};
  const Degradation drawn = draw_degradation(3, 4, {.noise = 0, .blur = 0, .shake = 1, .motion = 1});
  everything.shake = drawn.shake;
  everything.motion = drawn.motion;
  for (const uint8_t value : {0, 100, 255}) EXPECT_EQ(degraded(flat(value), everything), flat(value));
}

TEST(Degrade, DrawsByItsChancesWithinItsRangesAndForEachPositionAlone) {
  int noise = 0, blur = 0, shake = 0, motion = 0, both = 0;
  constexpr int kDraws = 4000;
  for (uint64_t position = 0; position < kDraws; ++position) {
    const Degradation drawn = draw_degradation(9, position, {.noise = 0.5, .blur = 0.25, .shake = 0.1, .motion = 1});
    noise += drawn.noise > 0;
    blur += drawn.blur > 0;
    shake += !drawn.shake.empty();
    motion += !drawn.motion.empty();
    both += drawn.noise > 0 && drawn.blur > 0;
    EXPECT_TRUE(drawn.noise == 0 || (drawn.noise >= 2 && drawn.noise <= 15));
    EXPECT_TRUE(drawn.blur == 0 || (drawn.blur >= 0.003F && drawn.blur <= 0.0151F));
    for (const auto& [x, y] : drawn.shake) EXPECT_LE(std::hypot(x, y), 0.0201F);
    ASSERT_FALSE(drawn.motion.empty());
    const auto [x, y] = drawn.motion.front();
    EXPECT_TRUE(std::hypot(x, y) >= 0.00499F && std::hypot(x, y) <= 0.0251F);
  }
  EXPECT_NEAR(noise, 0.5 * kDraws, 130);  // four deviations
  EXPECT_NEAR(blur, 0.25 * kDraws, 110);
  EXPECT_NEAR(shake, 0.1 * kDraws, 76);
  EXPECT_EQ(motion, kDraws);
  EXPECT_NEAR(both, 0.125 * kDraws, 84);
}

}  // namespace
}  // namespace atelier
