#include "images/transform.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <stdexcept>

#include "images/encode.h"

namespace atelier {
namespace {

/// A picture whose red channel is `values`, green 255 minus it, blue 7.
Image picture(int width, int height, const std::vector<uint8_t>& values) {
  Image image(width, height);
  for (size_t i = 0; i < values.size(); ++i) {
    image.rgb[3 * i] = values[i];
    image.rgb[3 * i + 1] = static_cast<uint8_t>(255 - values[i]);
    image.rgb[3 * i + 2] = 7;
  }
  return image;
}

std::vector<int> reds(const Image& image) {
  std::vector<int> values;
  for (size_t i = 0; i < image.rgb.size(); i += 3) values.push_back(image.rgb[i]);
  return values;
}

TEST(FitSquare, CropShrinksTheCentreByArea) {
  // 6 x 4: the middle 4 x 4 remains, and each 2 x 2 of it becomes its mean.
  const Image image = picture(6, 4, {9, 10, 20, 50, 60, 9,  //
                                     9, 30, 40, 70, 80, 9,  //
                                     9, 0,  0,  8,  8,  9,  //
                                     9, 0,  4,  8,  12, 9});
  const Image square = fit_square(image, 2, FrameFit::kCrop, Filter::kArea);
  EXPECT_EQ(reds(square), (std::vector<int>{25, 65, 1, 9}));
  EXPECT_EQ(square.rgb[1], 230);
  EXPECT_EQ(square.rgb[2], 7);
}

TEST(FitSquare, CountsThePartsOfPixels) {
  // 3 to 2: each target pixel covers one and a half each way.
  EXPECT_EQ(reds(fit_square(picture(3, 3, {90, 0, 9, 0, 180, 0, 0, 0, 0}), 2, FrameFit::kCrop, Filter::kArea)),
            (std::vector<int>{60, 24, 20, 20}));
  for (const int edge : {65, 100, 127, 999, 4096}) {
    EXPECT_EQ(fit_square(Image(edge, edge, 255), 64, FrameFit::kCrop, Filter::kArea), Image(64, 64, 255)) << edge;
    EXPECT_EQ(fit_square(Image(edge, edge, 77), 64, FrameFit::kCrop, Filter::kArea), Image(64, 64, 77)) << edge;
  }
}

TEST(FitSquare, RoundsMeansToTheNearest) {
  EXPECT_EQ(reds(fit_square(picture(2, 2, {1, 2, 3, 1}), 1, FrameFit::kCrop, Filter::kArea)),
            (std::vector<int>{2}));  // 1.75
  EXPECT_EQ(reds(fit_square(picture(2, 2, {1, 1, 2, 1}), 1, FrameFit::kCrop, Filter::kArea)),
            (std::vector<int>{1}));  // 1.25
}

TEST(FitSquare, CropOfAnUprightPictureCutsTopAndBottom) {
  EXPECT_EQ(reds(fit_square(picture(2, 5, {1, 2, 10, 20, 30, 40, 3, 4, 5, 6}), 2, FrameFit::kCrop, Filter::kArea)),
            (std::vector<int>{10, 20, 30, 40}));
}

TEST(FitSquare, PadShrinksTheWholeAndCentresItOnWhite) {
  const Image image = picture(4, 2,
                              {10, 20, 50, 60,  //
                               30, 40, 70, 80});
  // 4 x 2 becomes 2 x 1, in a square of 2: no row above, one of white below.
  EXPECT_EQ(reds(fit_square(image, 2, FrameFit::kPad, Filter::kArea)), (std::vector<int>{25, 65, 255, 255}));
  EXPECT_EQ(reds(fit_square(image, 4, FrameFit::kPad, Filter::kArea)),
            (std::vector<int>{255, 255, 255, 255, 10, 20, 50, 60, 30, 40, 70, 80, 255, 255, 255, 255}));
}

TEST(FitSquare, GrowsBilinearly) {
  // Pixel centres: the four samples lie at -0.25, 0.25, 0.75 and 1.25 of the two.
  EXPECT_EQ(reds(fit_square(picture(2, 2, {0, 100, 0, 100}), 4, FrameFit::kCrop)),
            (std::vector<int>{0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100, 0, 25, 75, 100}));
}

TEST(FitSquare, KeepsThinPicturesAndRefusesNothing) {
  const Image line = fit_square(Image(500, 1, 0), 8, FrameFit::kPad);
  const auto values = reds(line);
  EXPECT_EQ(std::count(values.begin(), values.end(), 0), 8);
  EXPECT_EQ(fit_square(Image(8, 8, 3), 8, FrameFit::kPad), Image(8, 8, 3));
  EXPECT_THROW(fit_square(Image(), 8, FrameFit::kCrop), std::invalid_argument);
  EXPECT_THROW(fit_square(Image(2, 2), 0, FrameFit::kCrop), std::invalid_argument);
}

TEST(DrawAugmentation, IsPinnedForEver) {
  // Part of stream version 1: runs that were saved depend on it.
  const bool flips[] = {false, false, true, false, true, false};
  const double factors[] = {0.93352581169637627, 1.1672133800495619,  1.024313688004282,
                            1.0395775203689481,  0.86708809651190466, 0.92292792597910389};
  const double crops[] = {0.67724360592732613, 0.65400047686464735, 0.99982923059529683,
                          0.96322441312252582, 0.59266304834519634, 0.80803646296163967};
  for (uint64_t position = 0; position < 6; ++position) {
    const Augmentation drawn = draw_augmentation(2024, position, {true, 0.2, true});
    EXPECT_EQ(drawn.flip, flips[position]) << position;
    EXPECT_EQ(drawn.brightness, factors[position]) << position;
    EXPECT_EQ(drawn.crop, crops[position]) << position;
  }
}

TEST(DrawAugmentation, FlipsHalfAndSpreadsBrightnessEvenlyAndIndependently) {
  constexpr int kDraws = 20'000;
  int flips = 0, below = 0, both = 0, first = 0, first_and_below = 0;
  double sum = 0, least = 2, most = 0;
  for (uint64_t position = 0; position < kDraws; ++position) {
    const Augmentation drawn = draw_augmentation(7, position, {true, 0.2, true});
    flips += drawn.flip;
    below += drawn.brightness < 0.9;
    both += drawn.flip && drawn.brightness < 0.9;
    first += *drawn.crop < 0.25;
    first_and_below += *drawn.crop < 0.25 && drawn.brightness < 0.9;
    sum += drawn.brightness;
    least = std::min(least, drawn.brightness);
    most = std::max(most, drawn.brightness);
  }
  EXPECT_NEAR(flips, kDraws / 2, 300);  // four standard deviations
  EXPECT_NEAR(below, kDraws / 4, 260);
  EXPECT_NEAR(both, kDraws / 8, 200);
  EXPECT_NEAR(first, kDraws / 4, 260);
  EXPECT_NEAR(first_and_below, kDraws / 16, 150);
  EXPECT_NEAR(sum / kDraws, 1.0, 0.004);
  EXPECT_GE(least, 0.8);
  EXPECT_LT(least, 0.801);
  EXPECT_LT(most, 1.2);
  EXPECT_GT(most, 1.199);
}

TEST(DrawAugmentation, DoesNothingWhenNothingIsWanted) {
  for (uint64_t position = 0; position < 64; ++position) {
    const Augmentation drawn = draw_augmentation(7, position, {});
    EXPECT_FALSE(drawn.flip || drawn.crop);
    EXPECT_EQ(drawn.brightness, 1.0);
  }
}

TEST(Planes, AreTheChannelsOneAfterAnother) {
  Image image(2, 1);
  image.rgb = {1, 2, 3, 4, 5, 6};
  std::vector<uint8_t> planes(6);
  to_planes(image, planes);
  EXPECT_EQ(planes, (std::vector<uint8_t>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(from_planes(planes, 2, 1), image);
  EXPECT_THROW(to_planes(image, std::span(planes).first(5)), std::invalid_argument);
  EXPECT_THROW(from_planes(planes, 1, 1), std::invalid_argument);
}

TEST(Sheets, PlaceTheCellsRowByRow) {
  const std::vector<Image> cells{Image(2, 1, 10), Image(2, 1, 20), Image(2, 1, 30)};
  EXPECT_EQ(reds(contact_sheet(cells, 2, 1)), (std::vector<int>{10, 10, 255, 20, 20,      //
                                                                255, 255, 255, 255, 255,  //
                                                                30, 30, 255, 255, 255}));
  EXPECT_THROW(contact_sheet({}, 2), std::invalid_argument);
  EXPECT_THROW(contact_sheet(std::vector<Image>{Image(1, 1), Image(2, 1)}, 2), std::invalid_argument);
}

TEST(Sheets, EnlargeRepeatsPixels) {
  EXPECT_EQ(reds(enlarge(picture(2, 1, {1, 2}), 2)), (std::vector<int>{1, 1, 2, 2, 1, 1, 2, 2}));
}

TEST(Sheets, TextStaysInsideItsHeight) {
  Image image(120, 40);
  draw_text(image, "chair", 10, 10, 16);
  int top = 40, bottom = -1, left = 120;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 120; ++x) {
      if (image.rgb[static_cast<size_t>(y * 120 + x) * 3] > 128) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y);
      left = std::min(left, x);
    }
  }
  EXPECT_GE(top, 9);
  EXPECT_LE(top, 13);
  EXPECT_LE(bottom, 27);
  EXPECT_GE(bottom, 22);
  EXPECT_NEAR(left, 10, 3);
}

}  // namespace
}  // namespace atelier
