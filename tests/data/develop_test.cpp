#include "data/develop.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "base/files.h"
#include "images/encode.h"

namespace atelier::test {
namespace {

/// Red is the column, 0 to 99: what is left of it tells where it was cut. Green has stripes, for filters to blur.
std::vector<std::byte> ruler() {
  Image image(100, 20);
  for (size_t i = 0; i < 100 * 20; ++i) {
    image.rgb[3 * i] = static_cast<uint8_t>(i % 100);
    image.rgb[3 * i + 1] = i % 7 < 3 ? 255 : 0;
  }
  return encode_png(image);
}

struct Developed {
  std::vector<uint8_t> image = std::vector<uint8_t>(3 * 20 * 20), condition = std::vector<uint8_t>(3 * 20 * 20);
  int cut_at() const { return std::min(image[0], image[19]); }  // whether mirrored or not
};

Developed developed(const Config& config, bool augment, uint64_t position) {
  const auto bytes = ruler();
  Developed result;
  EXPECT_FALSE(develop(recipe_of(config, augment), position, {.image = bytes, .condition = bytes, .sha256 = {}},
                       {{20, 20}, result.image, result.condition}));
  return result;
}

Config cutting_anywhere() {
  Config config;
  config.data.image_size = 20;
  config.data.fit = Fit::kRandom;
  config.data.brightness = 0;
  config.data.condition = Condition::kFile;
  return config;
}

TEST(Develop, CutsAnywhereByPositionAndTheConditionWithIt) {
  const Config config = cutting_anywhere();
  std::set<int> places;
  for (uint64_t position = 0; position < 2000; ++position) {
    const Developed sample = developed(config, true, position);
    EXPECT_EQ(sample.image, sample.condition) << position;
    places.insert(sample.cut_at());
  }
  EXPECT_EQ(places.size(), 81u);  // 0 to 80, every place there is
  EXPECT_EQ(*places.rbegin(), 80);
  EXPECT_EQ(developed(config, true, 7).image, developed(config, true, 7).image);
}

TEST(Develop, CutsTheCentreWithoutAugmentation) {
  for (uint64_t position = 0; position < 20; ++position)
    EXPECT_EQ(developed(cutting_anywhere(), false, position).cut_at(), 40);
}

TEST(Develop, KeepsTheBrightnessOfTheCondition) {
  Config config = cutting_anywhere();
  config.data.fit = Fit::kStretch;
  const auto plain = developed(config, true, 3);
  config.data.brightness = 0.5;
  const auto changed = developed(config, true, 3);
  EXPECT_NE(changed.image, plain.image);
  EXPECT_EQ(changed.condition, plain.condition);
}

TEST(Develop, DegradesWhatTheNetworkIsGivenAndNotWhatItShallMake) {
  Config config = cutting_anywhere();
  config.data.fit = Fit::kStretch;
  const auto all = [](Config changed) {
    changed.data.noise = changed.data.blur = changed.data.shake = changed.data.motion = 1;
    return changed;
  };
  const auto plain = developed(config, true, 3), degraded = developed(all(config), true, 3);
  EXPECT_EQ(degraded.image, plain.image);
  EXPECT_NE(degraded.condition, plain.condition);
  EXPECT_EQ(developed(all(config), true, 3).condition, degraded.condition);
  EXPECT_NE(developed(all(config), true, 4).condition, degraded.condition);
  EXPECT_EQ(developed(all(config), false, 3).condition, developed(config, false, 3).condition);

  config.data.condition = Condition::kOutline;
  EXPECT_EQ(developed(all(config), true, 3).image, developed(config, true, 3).image);
  EXPECT_NE(developed(all(config), true, 3).condition, developed(config, true, 3).condition);

  config.data.condition = Condition::kNone;
  EXPECT_NE(developed(all(config), true, 3).image, developed(config, true, 3).image);
}

TEST(Develop, TakesEachFitAndFilter) {
  Config config = cutting_anywhere();
  std::set<std::string> results;
  for (const Fit fit : {Fit::kCrop, Fit::kPad, Fit::kStretch}) {
    for (const Resample resample : {Resample::kArea, Resample::kBilinear, Resample::kLanczos}) {
      config.data.fit = fit;
      config.data.resample = resample;
      const auto image = developed(config, false, 0).image;
      results.insert(sha256_hex(std::as_bytes(std::span(image))));
    }
  }
  EXPECT_EQ(results.size(), 7u);  // a crop of the square's size is the same by any filter
}

}  // namespace
}  // namespace atelier::test
