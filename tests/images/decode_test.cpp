#include "images/decode.h"

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <turbojpeg.h>

#include "images/encode.h"
#include "tests/images/fixtures.h"

namespace atelier {
namespace {

/// The picture, or a failed expectation and no pixels.
Image decoded(std::span<const std::byte> bytes, int min_side = 0) {
  auto result = decode(bytes, min_side);
  if (auto* failure = std::get_if<DecodeFailure>(&result)) {
    ADD_FAILURE() << failure->detail;
    return {};
  }
  return std::get<Image>(std::move(result));
}

int largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 256;
  int largest = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) largest = std::max(largest, std::abs(a.rgb[i] - b.rgb[i]));
  return largest;
}

class Lossless : public testing::TestWithParam<std::string> {};
TEST_P(Lossless, DecodesToTheExactPixels) {
  EXPECT_EQ(largest_difference(decoded(fixtures::bytes(GetParam())), fixtures::expected(GetParam())), 0);
}
std::string test_name(const testing::TestParamInfo<std::string>& file) {
  std::string name = file.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Decode, Lossless,
                         testing::Values("rgb.png", "grey.png", "one_bit.png", "palette.png", "palette_transparent.png",
                                         "grey_alpha.png", "rgba.png", "interlaced.png", "grey_16.png", "rgb_16.png",
                                         "rgba_16.png", "lossless.webp", "lossless_alpha.webp", "orientation_6.png",
                                         "orientation_8.webp", "orientation_bad.png", "rgb.tif", "big_endian.tif",
                                         "alpha.tif", "premultiplied.tif", "deflate.tif", "lzw.tif", "fax.tif",
                                         "palette.tif", "big.tif", "tiled.tif", "planes.tif", "orientation_2.tif",
                                         "orientation_3.tif", "orientation_4.tif", "orientation_5.tif",
                                         "orientation_6.tif", "orientation_7.tif", "orientation_8.tif", "lossless.jxl",
                                         "boxed.jxl", "grey.jxl", "alpha.jxl", "rgb.bmp", "grey.bmp", "one_bit.bmp",
                                         "palette.bmp", "downwards.bmp", "core.bmp", "unused.bmp", "alpha.bmp",
                                         "four_bits.bmp", "rgb_16.tif", "grey_16.tif", "tiled_16.tif",
                                         "grey_alpha_16.tif", "white_is_zero_16.tif", "wide.jxl"),
                         test_name);

/// Another version of the codec may round differently in its last step.
class Lossy : public testing::TestWithParam<std::string> {};
TEST_P(Lossy, DecodesToThePixelsThatPillowReads) {
  EXPECT_LE(largest_difference(decoded(fixtures::bytes(GetParam())), fixtures::expected(GetParam())), 2);
}
INSTANTIATE_TEST_SUITE_P(Decode, Lossy,
                         testing::Values("baseline.jpg", "progressive.jpg", "restarts.jpg", "grey.jpg", "cmyk.jpg",
                                         "lossy.webp", "lossy_alpha.webp", "orientation_1.jpg", "orientation_2.jpg",
                                         "orientation_3.jpg", "orientation_4.jpg", "orientation_5.jpg",
                                         "orientation_6.jpg", "orientation_7.jpg", "orientation_8.jpg", "cmyk.tif",
                                         "jpeg.tif", "lossy.avif", "full.avif", "half.avif", "grey.avif", "alpha.avif",
                                         "ten_bits.avif", "turned_00.avif", "turned_01.avif", "turned_1.avif",
                                         "turned_10.avif", "turned_11.avif", "turned_2.avif", "turned_20.avif",
                                         "turned_21.avif", "turned_3.avif", "turned_30.avif", "turned_31.avif",
                                         "cut.avif", "lossy.jxl", "progressive.jxl", "orientation_6.jxl"),
                         test_name);

TEST(Decode, ReadsYcckJpegs) {
  // TurboJPEG writes CMYK pixels as YCCK, inverted as Adobe does: 255 is no ink.
  std::vector<uint8_t> pixels;
  for (int i = 0; i < 16 * 16; ++i) pixels.insert(pixels.end(), {200, 100, 50, 128});
  const tjhandle encoder = tjInitCompress();
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  ASSERT_EQ(tjCompress2(encoder, pixels.data(), 16, 0, 16, TJPF_CMYK, &buffer, &size, TJSAMP_444, 100, 0), 0);
  const Image image = decoded(std::as_bytes(std::span(buffer, size)));
  tjFree(buffer);
  tjDestroy(encoder);
  ASSERT_EQ(image.rgb.size(), 16u * 16 * 3);
  EXPECT_NEAR(image.rgb[0], 100, 2);  // 200 * 128 / 255
  EXPECT_NEAR(image.rgb[1], 50, 2);
  EXPECT_NEAR(image.rgb[2], 25, 2);
}

TEST(Decode, ScalesAJpegDownOnlyWhileTheShorterEdgeStaysLongEnough) {
  const auto bytes = encode_jpeg(Image(203, 101, 90));
  const auto size = [&](int min_side) {
    const Image image = decoded(bytes, min_side);
    return std::pair(image.width, image.height);
  };
  EXPECT_EQ(size(0), std::pair(203, 101));
  EXPECT_EQ(size(101), std::pair(203, 101));
  EXPECT_EQ(size(52), std::pair(203, 101));
  EXPECT_EQ(size(51), std::pair(102, 51));
  EXPECT_EQ(size(26), std::pair(51, 26));
  EXPECT_EQ(size(13), std::pair(26, 13));
  EXPECT_EQ(size(1), std::pair(26, 13));
  EXPECT_EQ(decoded(bytes, 26), decoded(bytes, 26));
}

}  // namespace
}  // namespace atelier
