#include "models/palette.h"

#include <gtest/gtest.h>
#include <set>

namespace atelier {
namespace {

/// A square of `color` on a page of `page`, 8 x 8.
torch::Tensor square(const std::vector<int64_t>& color, int64_t page = 255) {
  const auto image = torch::full({1, 3, 8, 8}, page, torch::kUInt8);
  image.slice(2, 2, 6).slice(3, 2, 6).copy_(torch::tensor(color).to(torch::kUInt8).view({1, 3, 1, 1}));
  return image;
}

torch::Tensor color_of(const torch::Tensor& image) { return foreground_colors(image)[0].to(torch::kInt64); }

torch::Tensor rgb(int64_t r, int64_t g, int64_t b) { return torch::tensor({r, g, b}); }

TEST(ForegroundColors, LeaveTheBackgroundOut) {
  EXPECT_TRUE(torch::equal(color_of(square({139, 90, 43})), rgb(139, 90, 43)));
  EXPECT_TRUE(torch::equal(color_of(square({255, 255, 0})), rgb(255, 255, 0)));
  EXPECT_TRUE(torch::equal(color_of(square({240, 240, 240})), rgb(240, 240, 240)));
}

TEST(ForegroundColors, AreTheMeanOfTheForeground) {
  const auto image = square({100, 100, 100});
  image.slice(2, 2, 6).slice(3, 2, 4).fill_(200);
  EXPECT_TRUE(torch::equal(color_of(image), rgb(150, 150, 150)));
}

TEST(ForegroundColors, TakeADarkenedPageForTheBackground) {
  EXPECT_TRUE(torch::equal(color_of(square({139, 90, 43}, 204)), rgb(139, 90, 43)));
}

TEST(ForegroundColors, OfAnEmptyPageAreThePage) {
  EXPECT_TRUE(torch::equal(color_of(square({255, 255, 255})), rgb(255, 255, 255)));
  EXPECT_TRUE(torch::equal(color_of(square({250, 250, 250})), rgb(255, 255, 255)));  // the noise of a JPEG
}

TEST(ForegroundColors, DoNotLookAcrossTheBatch) {
  const auto both = torch::cat({square({10, 20, 30}), square({200, 0, 0}, 204)});
  EXPECT_TRUE(torch::equal(foreground_colors(both).slice(0, 1), foreground_colors(both.slice(0, 1))));
}

/// Notes the colours (i, i, i) for i in first..last under `label`, at positions of the same numbers.
void note_greys(Palette& palette, int64_t label, int64_t first, int64_t last, uint64_t seed = 1) {
  for (int64_t i = first; i <= last; ++i) {
    palette->note(torch::tensor({label}), torch::full({1, 3}, i, torch::kUInt8), {static_cast<uint64_t>(i)}, seed);
  }
}

std::set<int64_t> draws(Palette& palette, int64_t label) {
  std::set<int64_t> seen;
  for (uint64_t seed = 0; seed < 200; ++seed) seen.insert(palette->draw(label, seed)[0].item<int64_t>());
  return seen;
}

TEST(Palette, DrawsWhatTheLabelHadBySeed) {
  Palette palette(2);
  note_greys(palette, 0, 10, 12);
  note_greys(palette, 1, 20, 21);
  note_greys(palette, -1, 30, 30);
  const auto span_of = [&](int64_t label) {
    const std::set<int64_t> seen = draws(palette, label);
    return std::pair(*seen.begin(), *seen.rbegin());
  };
  // Up to 0.35 of the way from a colour of the label (10 to 12, 20 to 21, 30) to any of them (10 to 30).
  EXPECT_EQ(span_of(0), std::pair(int64_t{10}, int64_t{18}));
  EXPECT_EQ(span_of(1), std::pair(int64_t{17}, int64_t{24}));
  EXPECT_EQ(span_of(-1), std::pair(int64_t{23}, int64_t{30}));
  EXPECT_TRUE(torch::equal(palette->draw(0, 5), palette->draw(0, 5)));
}

TEST(Palette, HasManyColoursForALabelWithOnePiece) {
  Palette palette(2);
  note_greys(palette, 0, 10, 10);
  note_greys(palette, 1, 200, 200);
  EXPECT_GT(draws(palette, 0).size(), 20U);
}

TEST(Palette, FallsBackToAllLabelsAndThenToGrey) {
  Palette palette(3);
  EXPECT_EQ(draws(palette, 1), (std::set<int64_t>{128}));
  note_greys(palette, 0, 10, 11);
  note_greys(palette, 2, 20, 20);
  EXPECT_EQ(draws(palette, 1), (std::set<int64_t>{10, 11, 12, 13, 14, 17, 18, 19, 20}));
}

TEST(Palette, KeepsAUniformSampleOfAllThatItSaw) {
  constexpr int64_t kSeen = 240;
  int64_t late = 0, kept = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Palette palette(1);
    note_greys(palette, 0, 1, kSeen, seed);
    EXPECT_EQ(palette->counts[0].item<int64_t>(), kSeen);
    const auto values = palette->colors[0].select(1, 0).to(torch::kInt64);
    EXPECT_TRUE(values.gt(0).all().item<bool>());
    late += values.gt(kSeen / 2).sum().item<int64_t>();
    kept += values.numel();
  }
  // Half of the kept ones come from the later half; 1,280 draws have a deviation of 0.014 at most.
  EXPECT_NEAR(static_cast<double>(late) / static_cast<double>(kept), 0.5, 0.05);
}

TEST(Palette, FollowsFromSeedAndPositions) {
  const auto filled = [](uint64_t seed) {
    Palette palette(1);
    note_greys(palette, 0, 1, 200, seed);
    return palette->colors.clone();
  };
  EXPECT_TRUE(torch::equal(filled(1), filled(1)));
  EXPECT_FALSE(torch::equal(filled(1), filled(2)));
}

TEST(Palette, NotesABatchAsItWouldOneByOne) {
  Palette together(2), apart(2);
  const auto labels = torch::tensor({0, 1, 0, -1});
  const auto colors = torch::arange(12, torch::kUInt8).reshape({4, 3});
  together->note(labels, colors, {5, 6, 7, 8}, 1);
  for (int64_t n = 0; n < 4; ++n) {
    apart->note(labels.narrow(0, n, 1), colors.narrow(0, n, 1), {static_cast<uint64_t>(5 + n)}, 1);
  }
  EXPECT_TRUE(torch::equal(together->colors, apart->colors));
  EXPECT_TRUE(torch::equal(together->counts, torch::tensor({2, 1, 1})));
}

}  // namespace
}  // namespace atelier
