#include "inference/preprocess.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "images/decode.h"
#include "images/encode.h"
#include "images/transform.h"
#include "tests/inference/tiny_run.h"

namespace atelier {
namespace {

using test::Scratch;
using testing::HasSubstr;

constexpr uint64_t kMaxBytes = 10 << 20;

/// A sheet with a frame of `stroke` pixels, a quarter of the way in.
Image draw_frame(int width, int height, int stroke, uint8_t paper, uint8_t ink) {
  Image image(width, height, paper);
  const int left = width / 4, right = width - left, top = height / 4, bottom = height - top;
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const bool inside = x >= left + stroke && x < right - stroke && y >= top + stroke && y < bottom - stroke;
      if (!inside) std::fill_n(&image.rgb[3 * static_cast<size_t>(y * width + x)], 3, ink);
    }
  }
  return image;
}

bool is_line(const Outline& lines, int x, int y) {
  return lines.pixels[static_cast<size_t>(y) * static_cast<size_t>(lines.width) + static_cast<size_t>(x)] == 255;
}

size_t count_lines(const Outline& lines) {
  return static_cast<size_t>(std::count(lines.pixels.begin(), lines.pixels.end(), 255));
}

TEST(SketchLines, OfInkOnPaperAndOfChalkOnABoardAreTheSame) {
  const auto ink = sketch_lines(draw_frame(64, 64, 1, 255, 0), 64),
             chalk = sketch_lines(draw_frame(64, 64, 1, 0, 255), 64);
  ASSERT_TRUE(ink && chalk);
  EXPECT_EQ(*ink, *chalk);
  EXPECT_EQ(count_lines(*ink), 4U * 31);
}

TEST(SketchLines, OfAnOutlineAreTheOutline) {
  Image chair = draw_frame(64, 64, 10, 255, 90);
  const Outline lines = outline(chair);
  EXPECT_GT(count_lines(lines), 0U);
  EXPECT_EQ(sketch_lines(to_image(lines), 64), lines);
}

TEST(SketchLines, SurviveShrinkingHoweverThin) {
  const auto lines = sketch_lines(draw_frame(1000, 1000, 1, 255, 0), 64);
  ASSERT_TRUE(lines);
  EXPECT_EQ(count_lines(*lines), 4U * 31) << "a closed frame, one pixel wide";
}

TEST(SketchLines, AreFoundInFaintPencil) {
  const auto lines = sketch_lines(draw_frame(200, 200, 3, 240, 180), 64);
  ASSERT_TRUE(lines);
  EXPECT_TRUE(is_line(*lines, 16, 32));
  EXPECT_FALSE(is_line(*lines, 32, 32));
}

TEST(SketchLines, OfAWideSheetLieInTheMiddleOfTheSquare) {
  const auto lines = sketch_lines(draw_frame(128, 64, 2, 255, 0), 64);
  ASSERT_TRUE(lines);
  EXPECT_TRUE(is_line(*lines, 16, 32));
  EXPECT_TRUE(is_line(*lines, 32, 24));
  EXPECT_FALSE(is_line(*lines, 32, 4)) << "the padding is paper";
}

TEST(SketchLines, OfASmallSheetGrowWithIt) {
  const auto lines = sketch_lines(draw_frame(16, 16, 1, 255, 0), 64);
  ASSERT_TRUE(lines);
  EXPECT_TRUE(is_line(*lines, 16, 16) && is_line(*lines, 19, 19));
  EXPECT_FALSE(is_line(*lines, 20, 20));
}

TEST(SketchLines, OfALongStripTakeNoSquareOfMemory) {
  const auto lines = sketch_lines(draw_frame(200'000, 8, 1, 255, 0), 64);  // a square of that side: 40 GB
  ASSERT_TRUE(lines);
  EXPECT_EQ(count_lines(*lines), 2 * 32U) << "the frame's upper and lower edge, on two rows of cells";
  EXPECT_TRUE(is_line(*lines, 32, 31) && is_line(*lines, 32, 32));
}

TEST(SketchLines, OfAnEmptySheetAreNone) {
  EXPECT_FALSE(sketch_lines(Image(64, 64, 255), 64));
  EXPECT_FALSE(sketch_lines(draw_frame(64, 64, 1, 250, 240), 64));
  EXPECT_FALSE(sketch_lines(Image(), 64));
}

ModelSpec outlined() {
  ModelSpec spec;
  spec.condition = "outline";
  return spec;
}

DesignRequest ask(ConditionFrom from, const std::string& file) {
  DesignRequest request;
  request.condition_from = from;
  request.condition_file = file;
  return request;
}

TEST(Material, OfAPictureAndOfItsOutlineDrawnAsASketchAreTheSame) {
  const Scratch scratch;
  test::write_chair(scratch / "chair.png");
  const Material picture = read_material(ask(ConditionFrom::kOutline, scratch / "chair.png"), outlined(), kMaxBytes);
  const auto png = encode_png(picture.shown.at(0));
  test::write_text(scratch / "sketch.png", {reinterpret_cast<const char*>(png.data()), png.size()});
  const Material sketch = read_material(ask(ConditionFrom::kSketch, scratch / "sketch.png"), outlined(), kMaxBytes);

  EXPECT_EQ(picture.condition.size(), 64U * 64);
  EXPECT_EQ(picture.condition, sketch.condition);
  EXPECT_NE(picture.image_sha256, "");
  EXPECT_EQ(picture.condition_sha256, "");
  EXPECT_NE(sketch.condition_sha256, "");
  EXPECT_EQ(sketch.image_sha256, "");
}

TEST(Material, OfAFileModelAreThePicturesColours) {
  const Scratch scratch;
  test::write_chair(scratch / "chair.png");
  ModelSpec spec;
  spec.condition = "file";
  const Material material = read_material(ask(ConditionFrom::kPicture, scratch / "chair.png"), spec, kMaxBytes);
  ASSERT_EQ(material.condition.size(), 3U * 64 * 64);
  const size_t on_the_seat = 34 * 64 + 30;
  EXPECT_EQ(material.condition[on_the_seat], 139);
  EXPECT_EQ(material.condition[64 * 64 + on_the_seat], 90);
}

TEST(Material, HoldTheDesignToStartFromAtTheModelsSize) {
  const Scratch scratch;
  test::write_chair(scratch / "chair.png", 256, 128);
  DesignRequest request;
  request.start_file = scratch / "chair.png";
  const Material material = read_material(request, ModelSpec(), kMaxBytes);
  ASSERT_TRUE(material.start);
  EXPECT_EQ(material.start->width, 64);
  EXPECT_EQ(material.start->height, 64);
  EXPECT_EQ(material.start->rgb[0], 255) << "padded with white";
  EXPECT_TRUE(material.condition.empty());
}

TEST(Material, RefuseEveryFileThatIsNoPicture) {
  const Scratch scratch;
  test::write_chair(scratch / "chair.png");
  const std::string png = test::read_text(scratch / "chair.png");
  test::write_text(scratch / "page.png", "<!doctype html><title>Not found</title>");
  test::write_text(scratch / "cut.png", png.substr(0, png.size() / 2));
  test::write_text(scratch / "empty.png", "");
  test::write_text(scratch / "blank.png", [] {
    const auto blank = encode_png(Image(64, 64));
    return std::string(reinterpret_cast<const char*>(blank.data()), blank.size());
  }());
  const auto refusal = [&](const std::string& file, uint64_t max_bytes) -> std::string {
    try {
      read_material(ask(ConditionFrom::kSketch, file), outlined(), max_bytes);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  for (const char* name : {"page.png", "cut.png", "empty.png"}) {
    EXPECT_THAT(refusal(scratch / name, kMaxBytes), HasSubstr("cannot be used as a picture")) << name;
    EXPECT_THAT(refusal(scratch / name, kMaxBytes), HasSubstr(name));
  }
  EXPECT_THAT(refusal(scratch / "none.png", kMaxBytes), HasSubstr("There is no file"));
  EXPECT_THAT(refusal(scratch.path().string(), kMaxBytes), HasSubstr("There is no file"));
  EXPECT_THAT(refusal("/dev/zero", kMaxBytes), HasSubstr("There is no file"));
  EXPECT_THAT(refusal(scratch / "chair.png", png.size() - 1), HasSubstr("MAX_IMAGE_SIZE"));
  EXPECT_THAT(refusal(scratch / "blank.png", kMaxBytes), HasSubstr("shows no lines"));
}

}  // namespace
}  // namespace atelier
