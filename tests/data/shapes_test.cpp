#include "data/shapes.h"

#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

#include "tests/support/temporary_folder.h"

namespace atelier::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

TEST(Shapes, HaveAboutAsManyPixelsAsTheSquareAndWholeSteps) {
  for (const auto& [side, step] : {std::pair(64, 8), {64, 16}, {256, 8}, {256, 64}, {100, 8}, {1024, 32}, {16, 4}}) {
    const std::vector<Size> frames = frames_of_shapes(side, step);
    ASSERT_EQ(frames.size(), kShapes);
    EXPECT_EQ(frames[kSquareShape], (Size{side, side}));
    for (size_t shape = 0; shape < kShapes; ++shape) {
      const auto [width, height] = frames[shape];
      if (shape == kSquareShape) continue;
      EXPECT_TRUE(width % step == 0 && height % step == 0);
      // Each edge is within half a step of the exact one.
      const double exact = side * std::pow(2, (static_cast<double>(shape) - 2) / 4);
      EXPECT_LE(std::abs(width - exact), step / 2.0);
      EXPECT_LE(std::abs(height - side * side / exact), step / 2.0);
      EXPECT_EQ(frames[kShapes - 1 - shape], (Size{height, width}));
    }
  }
  EXPECT_EQ(frames_of_shapes(256, 8)[4], (Size{360, 184}));
  EXPECT_THAT([] { frames_of_shapes(64, 32); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("in steps of 32 pixels (2^model.levels) are too coarse")));
}

TEST(Shapes, TheNearestIsThatOfTheLogarithm) {
  for (double aspect = 0.1; aspect < 10; aspect *= 1.01) {
    size_t nearest = 0;
    const auto distance = [&](size_t shape) {
      return std::abs(std::log2(aspect) - (static_cast<double>(shape) - 2) / 2);
    };
    for (size_t shape = 1; shape < kShapes; ++shape)
      if (distance(shape) < distance(nearest)) nearest = shape;
    EXPECT_EQ(nearest_shape(1000 * aspect, 1000), nearest) << aspect;
    EXPECT_EQ(nearest_shape(1000, 1000 * aspect), kShapes - 1 - nearest) << aspect;
  }
  for (const auto& [width, height] : {std::pair(0, 5), {5, 0}, {0, 0}})
    EXPECT_EQ(nearest_shape(width, height), kSquareShape);
}

TEST(Shapes, OfRowsFollowTheirFieldsAndUnknownSizesAreSquare) {
  const TemporaryFolder folder;
  const auto shapes = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder.path() / name) << text;
    return shapes_of_rows(Manifest(folder.path() / name));
  };
  EXPECT_THAT(shapes("list.csv",
                     "url,width,height\na,400,200\nb,100,200\nc,300,200\nd,,200\ne,1e400,200\nf,-400,200\ng,400,0\n"
                     "h,wide,200\ni,400.0,200.0\nj,400.5,200\nk,inf,200\nl,0x400,200\nm,nan,nan\n"),
              ElementsAre(4, 0, 3, 2, 2, 2, 2, 2, 4, 2, 2, 2, 2));
  EXPECT_THAT(
      shapes("list.jsonl",
             "{\"url\":\"a\",\"width\":400,\"height\":200}\n{\"url\":\"b\",\"width\":\"90\",\"height\":\"200\"}\n"
             "{\"url\":\"c\",\"width\":null,\"height\":200}\n{\"url\":\"d\"}\n"
             "{\"url\":\"e\",\"size\":{\"width\":400,\"height\":200}}\n"),
      ElementsAre(4, 0, 2, 2, 2));
  EXPECT_THAT([&] { shapes("list.txt", "a\nb\n"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("no row has a width and a height")));
}

TEST(Shapes, SmallOnesGiveTheirRowsToTheNextTowardsTheSquare) {
  EXPECT_THAT(merge_small_shapes({40, 40, 0, 40, 40}, 32), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(merge_small_shapes({31, 1, 0, 40, 31}, 32), ElementsAre(1, 1, 2, 3, 3));
  EXPECT_THAT(merge_small_shapes({10, 10, 1, 10, 10}, 32), ElementsAre(2, 2, 2, 2, 2));
  EXPECT_THAT(merge_small_shapes({0, 32, 1, 31, 32}, 32), ElementsAre(1, 1, 2, 2, 4));
  EXPECT_THAT(merge_small_shapes({100, 100, 40, 99, 300}, 100), ElementsAre(0, 1, 2, 2, 4));
}

TEST(Shapes, ASmallSquareGivesItsRowsToTheNearestThatIsLeft) {
  EXPECT_THAT(merge_small_shapes({0, 40, 31, 50, 0}, 32), ElementsAre(1, 1, 3, 3, 3));
  EXPECT_THAT(merge_small_shapes({0, 50, 31, 40, 0}, 32), ElementsAre(1, 1, 1, 3, 3));
  EXPECT_THAT(merge_small_shapes({0, 32, 0, 31, 32}, 32), ElementsAre(1, 1, 1, 4, 4));
  EXPECT_THAT(merge_small_shapes({40, 0, 1, 0, 0}, 32), ElementsAre(0, 0, 0, 0, 0));
  EXPECT_THAT(merge_small_shapes({5, 0, 1, 0, 0}, 32), ElementsAre(2, 2, 2, 2, 2)) << "none is left";
}

TEST(Shapes, ReadingThemCanBeLeft) {
  struct Left {};
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "list.csv") << "url,width,height\na,400,200\nb,100,200\n";
  const Manifest list(folder.path() / "list.csv");
  std::vector<double> shares;
  shapes_of_rows(Manifest({list, list}), [&](double share) { shares.push_back(share); });
  EXPECT_THAT(shares, ElementsAre(0.5, 1));
  EXPECT_THROW(shapes_of_rows(list, [](double) { throw Left(); }), Left);
}

}  // namespace
}  // namespace atelier::test
