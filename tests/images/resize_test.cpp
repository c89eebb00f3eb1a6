#include "images/resize.h"

#include <gtest/gtest.h>
#include <numeric>

#include "base/random.h"
#include "images/kernels.h"
#include "tests/images/plain_resize.h"

namespace atelier {
namespace {

/// Numbers for one case; each call is another draw.
class Dice {
 public:
  explicit Dice(uint64_t number) : number_(number) {}
  int below(int bound) {
    return static_cast<int>(random_below(static_cast<uint64_t>(bound), 31, number_, Purpose::kNoise, drawn_++));
  }
  /// Small more often than large, from 1.
  int size() { return 1 + below(1 + below(1 + below(400))); }
  bool coin() { return below(2) == 1; }

 private:
  uint64_t number_, drawn_ = 0;
};

Placement some_placement(Dice& dice, int width, int height) {
  constexpr FrameFit kFits[] = {FrameFit::kCrop, FrameFit::kPad, FrameFit::kStretch};
  constexpr Filter kFilters[] = {Filter::kArea, Filter::kBilinear, Filter::kLanczos};
  Framing framing{.size = {}, .fit = kFits[dice.below(3)], .filter = kFilters[dice.below(3)]};
  framing.size.width = framing.size.height = 1 + dice.below(100);
  if (dice.coin()) framing.size.height = 1 + dice.below(100);
  Augmentation augmentation{.flip = dice.coin(), .brightness = 0.1 + dice.below(18) / 10.0, .crop = {}};
  if (dice.coin()) augmentation.crop = dice.below(100) / 100.0;
  return place(width, height, 1 + dice.below(8), framing, augmentation);
}

plain::Samples some_samples(Dice& dice, const Layer& layer) {
  plain::Samples samples{.layer = layer, .values = {}};
  const int contrast = dice.below(3);  // smooth, noisy, or black and white, where sharp filters overshoot
  for (int i = 0; i < layer.width * layer.height * layer.channels; ++i)
    samples.values.push_back(static_cast<uint8_t>(contrast == 0   ? i
                                                  : contrast == 1 ? dice.below(256)
                                                                  : 255 * dice.below(2)));
  return samples;
}

/// Feeds `layers` in readings of some rows through memory of just the rows that it asks for, as a decoder does, and
/// puts guards around the frame.
std::vector<uint8_t> streamed(const std::vector<plain::Samples>& layers, const Placement& placement, int units) {
  constexpr size_t kGuard = 64;
  constexpr uint8_t kUntouched = 0xa5, kStale = 0x5a;
  const auto bytes = static_cast<size_t>(3 * placement.frame.width * placement.frame.height);
  std::vector<uint8_t> memory(bytes + 2 * kGuard, kUntouched);
  std::vector<Layer> shapes;
  std::vector<int> readings, available(layers.size());
  int coarsest = 1;
  for (const auto& samples : layers) coarsest = std::max(coarsest, samples.layer.coarse_y);
  for (const auto& samples : layers) {
    shapes.push_back(samples.layer);
    readings.push_back(units * coarsest / samples.layer.coarse_y);
  }
  Resizer resizer(placement, shapes, std::span(memory).subspan(kGuard, bytes));
  std::vector<std::vector<uint8_t>> kept;
  std::vector<Rows> rows;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto stride = static_cast<size_t>(shapes[i].width * shapes[i].channels);
    const int count = resizer.rows_to_keep(i, readings);
    kept.emplace_back(stride * static_cast<size_t>(count), kStale);
    rows.push_back({.samples = kept[i].data(), .stride = stride, .kept = count, .left = 0});
  }
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < layers.size(); ++i) {
      for (int k = 0; k < readings[i]; ++k) {
        const int row = available[i] + k;
        const auto place = static_cast<size_t>(row % rows[i].kept) * rows[i].stride;
        const auto from = static_cast<size_t>(row) * rows[i].stride;
        if (row < shapes[i].height) std::copy_n(&layers[i].values[from], rows[i].stride, &kept[i][place]);
      }
      available[i] = std::min(available[i] + readings[i], shapes[i].height);
      more = more || available[i] < shapes[i].height;
    }
    resizer.advance(rows, available);
  }
  resizer.finish();
  EXPECT_TRUE(std::all_of(memory.begin(), memory.begin() + kGuard, [](uint8_t b) { return b == kUntouched; }));
  EXPECT_TRUE(std::all_of(memory.end() - kGuard, memory.end(), [](uint8_t b) { return b == kUntouched; }));
  return {memory.begin() + kGuard, memory.end() - kGuard};
}

TEST(Resizer, GivesTheBitsOfThePlainVersionForPictures) {
  for (uint64_t number = 0; number < 400; ++number) {
    Dice dice(number);
    const int width = dice.size(), height = dice.size();
    const std::vector layers{some_samples(dice, {.width = width, .height = height, .channels = dice.coin() ? 3 : 1})};
    const Placement placement = some_placement(dice, width, height);
    ASSERT_EQ(streamed(layers, placement, 1 + dice.below(20)), plain::framed(layers, placement))
        << number << ": " << width << " x " << height << " to " << placement.width << " x " << placement.height;
  }
}

TEST(Resizer, GivesTheBitsOfThePlainVersionForPlanes) {
  for (uint64_t number = 1000; number < 1400; ++number) {
    Dice dice(number);
    const int width = dice.size(), height = dice.size(), coarse_x = 1 << dice.below(3), coarse_y = 1 << dice.below(3);
    const Layer chroma{.width = (width + coarse_x - 1) / coarse_x,
                       .height = (height + coarse_y - 1) / coarse_y,
                       .coarse_x = coarse_x,
                       .coarse_y = coarse_y};
    const std::vector layers{some_samples(dice, {.width = width, .height = height}), some_samples(dice, chroma),
                             some_samples(dice, chroma)};
    const Placement placement = some_placement(dice, width, height);
    ASSERT_EQ(streamed(layers, placement, 1 + dice.below(16)), plain::framed(layers, placement))
        << number << ": " << width << " x " << height << " to " << placement.width << " x " << placement.height;
  }
}

TEST(Resizer, TakesExtremeShapes) {
  for (const auto& [width, height] : {std::pair(1, 20'000), {20'000, 1}, {3, 1}, {1, 1}}) {
    Dice dice(7);
    const std::vector layers{some_samples(dice, {.width = width, .height = height, .channels = 3})};
    for (const FrameFit fit : {FrameFit::kCrop, FrameFit::kPad, FrameFit::kStretch}) {
      for (const Filter filter : {Filter::kArea, Filter::kBilinear, Filter::kLanczos}) {
        const Placement placement = place(width, height, 1, {.size = {33, 33}, .fit = fit, .filter = filter}, {});
        EXPECT_EQ(streamed(layers, placement, 8), plain::framed(layers, placement)) << width << " x " << height;
      }
    }
  }
}

TEST(Taps, AddUpToOneAndStayInsideTheirPart) {
  for (uint64_t number = 0; number < 2000; ++number) {
    Dice dice(number);
    const int source = dice.size() * (1 + dice.below(20)), begin = dice.below(source);
    const int end = begin + 1 + dice.below(source - begin), targets = dice.size();
    const double half = dice.coin() ? 0.5 : 1;
    for (const Filter filter : {Filter::kArea, Filter::kBilinear, Filter::kLanczos}) {
      const Taps taps = make_taps(source, {begin * half, end * half}, targets, filter);
      ASSERT_EQ(taps.targets(), targets);
      for (int t = 0; t < targets; ++t) {
        const int16_t* weights = taps.weights_of(t);
        ASSERT_EQ(std::accumulate(weights, weights + taps.count, 0), Taps::kOne) << number;
        ASSERT_GE(taps.first[static_cast<size_t>(t)], static_cast<int>(begin * half)) << number;
        ASSERT_LE(taps.end(t), std::min<double>(source, end * half + 0.5)) << number;
      }
    }
  }
}

TEST(Taps, HaveTheWeightsOfTheirFilters) {
  const Taps area = make_taps(3, {0, 3}, 2, Filter::kArea);  // one and a half each
  EXPECT_EQ(area.weights, (std::vector<int16_t>{10923, 5461, 0, 0, 5461, 10923}));
  const Taps bilinear = make_taps(2, {0, 2}, 4, Filter::kBilinear);  // at -0.25, 0.25, 0.75 and 1.25 of the two
  EXPECT_EQ(bilinear.weights, (std::vector<int16_t>{16384, 0, 12288, 4096, 4096, 12288, 0, 16384}));
  const Taps lanczos = make_taps(8, {0, 8}, 8, Filter::kLanczos);
  for (int t = 0; t < 8; ++t) EXPECT_EQ(lanczos.weights_of(t)[t - lanczos.first[static_cast<size_t>(t)]], Taps::kOne);
}

TEST(Kernels, TurnRowsToColumnsAndBack) {
  std::vector<int16_t> rows(kStrip * 40), columns(kStrip * 24), back(kStrip * 40, -1);
  std::iota(rows.begin(), rows.end(), 0);
  to_columns(rows.data(), 40, 24, columns.data());
  to_rows(columns.data(), 24, back.data(), 40);
  for (size_t row = 0; row < kStrip; ++row) {
    for (size_t x = 0; x < 40; ++x) {
      EXPECT_EQ(back[row * 40 + x], x < 24 ? rows[row * 40 + x] : -1);
      if (x < 24) {
        EXPECT_EQ(columns[x * kStrip + row], rows[row * 40 + x]);
      }
    }
  }
}

}  // namespace
}  // namespace atelier
