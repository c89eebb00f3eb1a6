#include "inference/save.h"

#include <gtest/gtest.h>

#include "tests/inference/tiny_run.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using test::Scratch;

Variation made(uint64_t seed, const char* label, uint8_t shade = 90) {
  nlohmann::ordered_json record;
  record["seed"] = seed;
  record["label"] = label == nullptr ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(label);
  return finish(Image(16, 16, shade), record);
}

std::vector<fs::path> save_one(const fs::path& folder, const Variation& variation) {
  return save_variations(folder, std::span(&variation, 1));
}

std::string bytes_of(const Variation& variation) {
  return {reinterpret_cast<const char*>(variation.png.data()), variation.png.size()};
}

TEST(SaveVariations, NamesFilesByLabelAndSeed) {
  const Scratch scratch;
  const fs::path folder = scratch.path() / "new" / "designs";
  EXPECT_EQ(save_one(folder, made(7, "chair")).at(0), folder / "chair-7.png");
  EXPECT_EQ(save_one(folder, made(8, nullptr)).at(0), folder / "design-8.png");
  EXPECT_EQ(save_one(folder, made(9, "../bar stool")).at(0), folder / "---bar-stool-9.png");
  EXPECT_EQ(save_one(folder, made(9, "fauteuil à oreilles")).at(0), folder / "fauteuil-à-oreilles-9.png");
  EXPECT_EQ(test::read_text(folder / "chair-7.png"), bytes_of(made(7, "chair")));
}

TEST(SaveVariations, NeverLoseAnEarlierPicture) {
  const Scratch scratch;
  const Variation first = made(7, "chair", 10), second = made(7, "chair", 20), third = made(7, "chair", 30);
  EXPECT_EQ(save_one(scratch.path(), first).at(0).filename(), "chair-7.png");
  EXPECT_EQ(save_one(scratch.path(), second).at(0).filename(), "chair-7-2.png");
  EXPECT_EQ(save_one(scratch.path(), third).at(0).filename(), "chair-7-3.png");
  EXPECT_EQ(save_one(scratch.path(), second).at(0).filename(), "chair-7-2.png") << "the same bytes lie there";
  EXPECT_EQ(test::read_text(scratch / "chair-7.png"), bytes_of(first));
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.path()), fs::directory_iterator()), 3);
}

TEST(CheckOutputs, RefusesPlacesThatCannotBeWrittenAndWritesNothing) {
  const Scratch scratch;
  test::write_text(scratch / "file", "x");
  EXPECT_NO_THROW(check_folder(scratch.path() / "a" / "b"));
  EXPECT_FALSE(fs::exists(scratch.path() / "a"));
  EXPECT_THROW(check_folder(scratch / "file"), std::invalid_argument);
  EXPECT_THROW(check_folder(scratch.path() / "file" / "a"), std::invalid_argument);
  EXPECT_NO_THROW(check_png_file(scratch.path() / "a" / "sheet.png"));
  EXPECT_THROW(check_png_file(scratch / "sheet.jpg"), std::invalid_argument);
  fs::create_directory(scratch.path() / "folder.png");
  EXPECT_THROW(check_png_file(scratch / "folder.png"), std::invalid_argument);
}

TEST(ContactSheet, ShowsTheInputsFirstAndEveryVariationEnlarged) {
  const Image input(16, 16, 200);
  const std::vector<Variation> variations{made(7, "chair", 10), made(8, "chair", 20)};
  const Image sheet = contact_sheet_of(std::vector<Answered>{{std::span(&input, 1), variations}});
  const auto shade_of_cell = [&](int column) {
    const size_t x = static_cast<size_t>(column * (256 + 4) + 128);
    return sheet.rgb[3 * (128 * static_cast<size_t>(sheet.width) + x)];
  };
  EXPECT_EQ(sheet.width, 3 * 256 + 2 * 4);
  EXPECT_EQ(shade_of_cell(0), 200);
  EXPECT_EQ(shade_of_cell(1), 10);
  EXPECT_EQ(shade_of_cell(2), 20);
}

TEST(ContactSheet, IsAsSquareAsItGoesWhenThereAreMany) {
  std::vector<Variation> variations;
  for (uint64_t seed = 0; seed < 64; ++seed) variations.push_back(made(seed, "chair"));
  const Image sheet = contact_sheet_of(std::vector<Answered>{{{}, variations}});
  EXPECT_EQ(sheet.width, 8 * 256 + 7 * 4);
}

}  // namespace
}  // namespace atelier
