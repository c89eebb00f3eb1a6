#include "images/encode.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <png.h>
#include <string_view>

#include "images/decode.h"
#include "tests/images/fixtures.h"

namespace atelier {
namespace {

/// The text chunks of a PNG file, as libpng reads them.
std::map<std::string, std::string> text_of(std::vector<std::byte> file) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  std::span<const std::byte> rest = file;
  png_set_read_fn(png, &rest, [](png_structp self, png_bytep target, size_t count) {
    auto& left = *static_cast<std::span<const std::byte>*>(png_get_io_ptr(self));
    ASSERT_LE(count, left.size());
    std::memcpy(target, left.data(), count);
    left = left.subspan(count);
  });
  png_read_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_textp chunks = nullptr;
  int count = 0;
  png_get_text(png, info, &chunks, &count);
  std::map<std::string, std::string> text;
  for (int i = 0; i < count; ++i) text[chunks[i].key] = chunks[i].text;
  png_destroy_read_struct(&png, &info, nullptr);
  return text;
}

TEST(EncodePng, ComesBackThroughDecodePixelForPixel) {
  for (const char* name : {"rgb.png", "rgba.png", "lossless.webp"}) {
    const Image image = fixtures::expected(name);
    EXPECT_EQ(std::get<Image>(decode(encode_png(image))), image) << name;
    EXPECT_EQ(encode_png(image), encode_png(image));
  }
}

TEST(EncodePng, CarriesTextForOtherReaders) {
  const std::map<std::string, std::string> text{
      {"atelier", R"({"seed": 7, "label": "chair"})"}, {"Author", "Zoë Ängström, 椅子"}, {"Empty", ""}};
  EXPECT_EQ(text_of(encode_png(fixtures::expected("rgb.png"), text)), text);
}

TEST(EncodePng, RefusesWhatNoPngCanHold) {
  EXPECT_THROW(encode_png(Image()), std::runtime_error);
  EXPECT_THROW(encode_png(Image(1, 1), {{"", "a text without a name"}}), std::runtime_error);
}

TEST(EncodeJpeg, ComesBackAlmostTheSameAndSmallerAtLowerQuality) {
  Image image(64, 48);
  for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(60 + i / 3 % 64 * 2);
  const Image back = std::get<Image>(decode(encode_jpeg(image, 95)));
  ASSERT_EQ(back.rgb.size(), image.rgb.size());
  for (size_t i = 0; i < back.rgb.size(); ++i) ASSERT_NEAR(back.rgb[i], image.rgb[i], 6) << i;
  EXPECT_LT(encode_jpeg(image, 20).size(), encode_jpeg(image, 95).size());
  EXPECT_THROW(encode_jpeg(Image()), std::runtime_error);
  EXPECT_THROW(encode_jpeg(image, 101), std::runtime_error);
}

std::string base64(std::string_view text) {
  std::string out = "=";  // what is there already stays
  append_base64(std::as_bytes(std::span(text)), out);
  return out.substr(1);
}

TEST(Base64, GivesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xfb\xff\xbf"), "+/+/");
}

TEST(Base64, JoinsItsPiecesWithoutASeam) {
  const std::string text(size_t{7} << 20, 'a');  // "aaa" is "YWFh"; two seams, and one byte over
  const std::string encoded = base64(text);
  ASSERT_EQ(encoded.size(), (text.size() + 2) / 3 * 4);
  for (size_t i = 0; i + 4 < encoded.size(); i += 4) ASSERT_EQ(encoded.compare(i, 4, "YWFh"), 0) << i;
  EXPECT_EQ(encoded.substr(encoded.size() - 4), "YQ==");
}

}  // namespace
}  // namespace atelier
