#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <jpeglib.h>
#include <memory>
#include <string>
#include <turbojpeg.h>

#include "base/free_with.h"
#include "base/random.h"
#include "images/decode.h"
#include "images/encode.h"
#include "tests/images/fixtures.h"
#include "tests/images/plain_resize.h"

namespace atelier {
namespace {

using TurboJpeg = std::unique_ptr<void, FreeWith<tjDestroy>>;

/// The frame's planes, or a failed expectation and none.
std::vector<uint8_t> framed(std::span<const std::byte> bytes, const Framing& framing,
                            const Augmentation& augmentation = {}) {
  std::vector<uint8_t> planes(3 * static_cast<size_t>(framing.size.width * framing.size.height));
  const auto failure = decode_framed(bytes, framing, augmentation, planes);
  if (!failure) return planes;
  ADD_FAILURE() << failure->detail;
  return {};
}

/// Something like a photo: slopes, a disc and some noise, in colours that change across blocks.
Image scene(int width, int height) {
  Image image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto at = static_cast<size_t>(y * width + x);
      const int noise = static_cast<int>(random_below(24, 5, at, Purpose::kNoise));
      const bool inside = (x - width / 2) * (x - width / 2) + (y - height / 3) * (y - height / 3) < width * height / 9;
      image.rgb[3 * at] = static_cast<uint8_t>(inside ? 220 + noise : x * 200 / width + noise);
      image.rgb[3 * at + 1] = static_cast<uint8_t>(inside ? 60 + noise : y * 200 / height + noise);
      image.rgb[3 * at + 2] = static_cast<uint8_t>(inside ? 20 + noise : (x + y) % 64 * 3 + noise);
    }
  }
  return image;
}

std::vector<std::byte> jpeg_of(const Image& image, int subsampling, int flags) {
  const TurboJpeg encoder(tjInitCompress());
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(encoder.get(), image.rgb.data(), image.width, 0, image.height, TJPF_RGB, &buffer, &size,
                        subsampling, 90, flags),
            0);
  const auto* begin = reinterpret_cast<const std::byte*>(buffer);
  std::vector<std::byte> bytes(begin, begin + size);
  tjFree(buffer);
  return bytes;
}

/// The whole planes of a JPEG, by another way into the decoder that knows nothing of frames.
std::vector<plain::Samples> planes_of(std::span<const std::byte> bytes) {
  const TurboJpeg decoder(tjInitDecompress());
  const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colours = 0;
  EXPECT_EQ(tjDecompressHeader3(decoder.get(), begin, bytes.size(), &width, &height, &subsampling, &colours), 0);
  std::vector<plain::Samples> layers(colours == TJCS_GRAY ? 1 : 3);
  unsigned char* targets[3] = {};
  int strides[3] = {};
  for (size_t i = 0; i < layers.size(); ++i) {
    const int index = static_cast<int>(i), wide = tjMCUWidth[subsampling] / 8, high = tjMCUHeight[subsampling] / 8;
    layers[i].layer = {.width = i == 0 ? width : (width + wide - 1) / wide,
                       .height = i == 0 ? height : (height + high - 1) / high,
                       .coarse_x = i == 0 ? 1 : wide,
                       .coarse_y = i == 0 ? 1 : high};
    strides[i] = tjPlaneWidth(index, width, subsampling);
    layers[i].values.resize(static_cast<size_t>(strides[i] * tjPlaneHeight(index, height, subsampling)));
    targets[i] = layers[i].values.data();
  }
  EXPECT_EQ(tjDecompressToYUVPlanes(decoder.get(), begin, bytes.size(), targets, width, strides, height, 0), 0);
  for (size_t i = 0; i < layers.size(); ++i) {  // planes are padded to even sizes: keep what the file has
    plain::Samples& samples = layers[i];
    std::vector<uint8_t> values;
    for (int y = 0; y < samples.layer.height; ++y)
      values.insert(values.end(), &samples.values[static_cast<size_t>(y * strides[i])],
                    &samples.values[static_cast<size_t>(y * strides[i])] + samples.layer.width);
    samples.values = std::move(values);
  }
  return layers;
}

TEST(DecodeFramed, IsThePlainResizeOfAJpegsWholePlanes) {
  uint64_t number = 0;
  const auto below = [&](int bound) {
    return static_cast<int>(random_below(static_cast<uint64_t>(bound), 9, number, Purpose::kCrop));
  };
  for (const int subsampling : {TJSAMP_420, TJSAMP_422, TJSAMP_440, TJSAMP_444, TJSAMP_411, TJSAMP_GRAY}) {
    for (const auto& [width, height] : {std::pair(300, 110), {97, 161}, {37, 23}, {16, 200}, {65, 64}, {5, 3}}) {
      for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
        const auto bytes = jpeg_of(scene(width, height), subsampling, flags);
        const auto layers = planes_of(bytes);
        for (const FrameFit fit : {FrameFit::kCrop, FrameFit::kPad, FrameFit::kStretch}) {
          ++number;
          const int other = 1 + below(90), shorter = (std::min(width, height) + 1) / 2 + 1 + below(40);
          const Framing framing{.size = width < height ? Size{shorter, other} : Size{other, shorter},
                                .fit = fit,
                                .filter = static_cast<Filter>(number % 3)};
          const Augmentation augmentation{
              .flip = number % 2 == 0, .brightness = 0.5 + below(9) / 9.0, .crop = below(100) / 100.0};
          EXPECT_EQ(framed(bytes, framing, augmentation),
                    plain::framed(layers, place(width, height, 1, framing, augmentation)))
              << width << " x " << height << ", subsampling " << subsampling << ", case " << number;
        }
      }
    }
  }
}

TEST(DecodeFramed, IsTheFittedPictureForFilesWithoutPlanes) {
  for (const char* name : {"rgb.png", "grey_alpha.png", "lossless_alpha.webp", "lossy.webp", "cmyk.jpg"}) {
    const Image picture = std::get<Image>(decode(fixtures::bytes(name)));
    for (const FrameFit fit : {FrameFit::kCrop, FrameFit::kPad, FrameFit::kStretch}) {
      EXPECT_EQ(from_planes(framed(fixtures::bytes(name), {.size = {16, 16}, .fit = fit}), 16, 16),
                fit_square(picture, 16, fit))
          << name;
    }
  }
}

double mean_difference(const Image& a, const Image& b) {
  EXPECT_EQ(a.rgb.size(), b.rgb.size());
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
  return sum / static_cast<double>(a.rgb.size());
}

/// `image` in a frame, from its pixels.
Image fitted(const Image& image, const Framing& framing) {
  std::vector<uint8_t> planes(3 * static_cast<size_t>(framing.size.width * framing.size.height));
  resize(image, place(image.width, image.height, 1, framing, {}), planes);
  return from_planes(planes, framing.size.width, framing.size.height);
}

TEST(DecodeFramed, IsWithinALevelOfPillow) {
  for (const char* fit : {"crop", "pad", "stretch"}) {
    for (const char* filter : {"bilinear", "lanczos", "area"}) {
      const Framing framing{.size = {64, 64},
                            .fit = fit[0] == 'c'   ? FrameFit::kCrop
                                   : fit[0] == 'p' ? FrameFit::kPad
                                                   : FrameFit::kStretch,
                            .filter = filter[0] == 'a'   ? Filter::kArea
                                      : filter[0] == 'b' ? Filter::kBilinear
                                                         : Filter::kLanczos};
      const Image expected = fixtures::expected(std::string("scene_") + fit + "_" + filter);
      for (const char* file : {"scene.jpg", "scene_progressive.jpg", "scene.png"}) {
        const double difference =
            mean_difference(from_planes(framed(fixtures::bytes(file), framing), 64, 64), expected);
        EXPECT_LT(difference, std::string(file) == "scene.png" ? 0.2 : 1.0) << file << " " << fit << " " << filter;
      }
    }
  }
}

TEST(DecodeFramed, IsWithinALevelOfPillowInWideAndTallFrames) {
  for (const auto& [shape, size] : {std::pair("wide", Size{88, 48}), {"tall", Size{48, 88}}}) {
    for (const char* fit : {"crop", "pad"}) {
      const Framing framing{.size = size, .fit = fit[0] == 'c' ? FrameFit::kCrop : FrameFit::kPad};
      const Image expected = fixtures::expected(std::string("scene_") + shape + "_" + fit);
      for (const char* file : {"scene.jpg", "scene.png"}) {
        const Image picture = from_planes(framed(fixtures::bytes(file), framing), size.width, size.height);
        EXPECT_LT(mean_difference(picture, expected), std::string(file) == "scene.png" ? 0.3 : 1.0)
            << file << " " << shape << " " << fit;
      }
    }
  }
}

TEST(DecodeFramed, TakesLargeFilesByTheScaleThatLeavesBothEdgesLongEnough) {
  const auto bytes = encode_jpeg(scene(1300, 500), 95);
  for (const auto& [size, scale] : {std::pair(Size{325, 100}, 4), {{326, 100}, 2}, {{100, 126}, 2}, {{651, 100}, 1}}) {
    const Image whole = std::get<Image>(decode(bytes, (500 + scale - 1) / scale));
    ASSERT_EQ(whole.width, (1300 + scale - 1) / scale);
    const Image picture = from_planes(framed(bytes, {.size = size}), size.width, size.height);
    EXPECT_LT(mean_difference(picture, fitted(whole, {.size = size})), 1) << size.width << " x " << size.height;
  }
}

TEST(DecodeFramed, TakesLargeFilesByTheirSmallerScales) {
  const auto bytes = encode_jpeg(scene(1300, 1030), 95);
  for (const auto& [side, scale] : {std::pair(300, 2), {200, 4}, {100, 8}}) {
    const Image small = std::get<Image>(decode(bytes, side));
    ASSERT_EQ(small.height, (1030 + scale - 1) / scale);
    const Image square = from_planes(framed(bytes, {.size = {side, side}}), side, side);
    EXPECT_LT(mean_difference(square, fit_square(small, side, FrameFit::kCrop)), 1) << side;
    EXPECT_LT(mean_difference(square, fit_square(std::get<Image>(decode(bytes)), side, FrameFit::kCrop)), 4) << side;
  }
}

TEST(DecodeFramed, TurnsTheEightOrientationsUpright) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto bytes = fixtures::bytes("orientation_" + std::to_string(orientation) + ".jpg");
    const Image upright = fixtures::expected("orientation_" + std::to_string(orientation) + ".jpg");
    for (const FrameFit fit : {FrameFit::kCrop, FrameFit::kPad, FrameFit::kStretch}) {
      // Chroma is resampled by itself, which small pictures with hard edges show.
      const Image square = from_planes(framed(bytes, {.size = {20, 20}, .fit = fit}), 20, 20);
      EXPECT_LT(mean_difference(square, fit_square(upright, 20, fit)), 3) << orientation;
      for (const Size size : {Size{22, 8}, Size{9, 21}}) {
        const Framing framing{.size = size, .fit = fit};
        const Image picture = from_planes(framed(bytes, framing), size.width, size.height);
        EXPECT_LT(mean_difference(picture, fitted(upright, framing)), 3) << orientation;
      }
    }
  }
  const auto turned = [](int orientation, const Augmentation& augmentation) {
    std::vector<uint8_t> planes(3 * 8 * 8);
    const Image image = scene(8, 12);
    resize(image, place(8, 12, orientation, {.size = {8, 8}}, augmentation), planes);
    return from_planes(planes, 8, 8);
  };
  // A window at the upright picture's beginning; a mirrored file has it at its other end.
  EXPECT_EQ(turned(1, {.crop = 0.0}).rgb[0], scene(8, 12).rgb[0]);
  EXPECT_EQ(turned(4, {.crop = 0.0}).rgb[0], scene(8, 12).rgb[3 * 8 * 11]);
  const auto wide = [](int orientation) { return place(12, 8, orientation, {.size = {8, 8}}, {.crop = 0.0}).left; };
  EXPECT_EQ(wide(1), 0);
  EXPECT_EQ(wide(2), 4);
  EXPECT_EQ(wide(8), 4);
  EXPECT_EQ(turned(1, {.flip = true, .crop = 0.99}).rgb[0], scene(8, 12).rgb[3 * (8 * 4 + 7)]);
}

TEST(DecodeFramed, CutsWhereItIsToldAndInTheCentreByItself) {
  const Image image = scene(9, 4);
  const auto bytes = encode_png(image);
  const auto first = [&](std::optional<double> crop) {  // red of the top left corner
    return framed(bytes, {.size = {4, 4}}, {.crop = crop})[0];
  };
  EXPECT_EQ(first(0.0), image.rgb[0]);
  EXPECT_EQ(first(0.17), image.rgb[3]);
  EXPECT_EQ(first(0.999), image.rgb[3 * 5]);
  EXPECT_EQ(first(std::nullopt), image.rgb[3 * 2]);
}

TEST(DecodeFramed, MirrorsAndBrightens) {
  const std::vector<std::byte> bytes = encode_png(scene(24, 16));
  const Framing framing{.size = {16, 16}, .fit = FrameFit::kPad};
  const auto still = framed(bytes, framing), flipped = framed(bytes, framing, {.flip = true, .crop = {}});
  for (size_t row = 0; row < 48; ++row)
    for (size_t x = 0; x < 16; ++x) EXPECT_EQ(flipped[row * 16 + x], still[row * 16 + 15 - x]);

  Image levels(5, 5);
  for (size_t i = 0; i < 25; ++i) std::fill_n(&levels.rgb[3 * i], 3, std::vector<uint8_t>{0, 3, 100, 212, 255}[i % 5]);
  const auto row = [&](double brightness) {
    const auto planes = framed(encode_png(levels), {.size = {5, 5}}, {.brightness = brightness, .crop = {}});
    return std::vector<int>(planes.begin(), planes.begin() + 5);
  };
  EXPECT_EQ(row(1.0), (std::vector<int>{0, 3, 100, 212, 255}));
  EXPECT_EQ(row(1.2), (std::vector<int>{0, 4, 120, 254, 255}));  // 3.6 and 254.4
  EXPECT_EQ(row(0.5), (std::vector<int>{0, 2, 50, 106, 128}));   // 1.5 and 127.5 go up
}

/// A progressive JPEG whose luma comes one coefficient a scan.
std::vector<std::byte> jpeg_of_scans(int scans) {
  std::vector<jpeg_scan_info> script(static_cast<size_t>(scans));
  script[0] = {.comps_in_scan = 3, .component_index = {0, 1, 2}, .Ss = 0, .Se = 0, .Ah = 0, .Al = 0};
  for (int i = 1; i < scans; ++i)
    script[static_cast<size_t>(i)] = {.comps_in_scan = 1,
                                      .component_index = {(i - 1) / 63},
                                      .Ss = (i - 1) % 63 + 1,
                                      .Se = (i - 1) % 63 + 1,
                                      .Ah = 0,
                                      .Al = 0};
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_width = jpeg.image_height = 32;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg.scan_info = script.data();
  jpeg.num_scans = scans;
  jpeg_start_compress(&jpeg, TRUE);
  const Image image = scene(32, 32);
  while (jpeg.next_scanline < 32) {
    auto* row = const_cast<uint8_t*>(&image.rgb[jpeg.next_scanline * 96]);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  const auto* begin = reinterpret_cast<const std::byte*>(buffer);
  std::vector<std::byte> bytes(begin, begin + size);
  std::free(buffer);
  return bytes;
}

TEST(DecodeFramed, RefusesAJpegOfManyScans) {
  std::vector<uint8_t> planes(3 * 16 * 16);
  EXPECT_EQ(decode_framed(jpeg_of_scans(100), {.size = {16, 16}}, {}, planes), std::nullopt);
  const DecodeFailure refusal{DecodeFault::kTruncated, "a JPEG that is cut short or damaged (more than 100 scans)"};
  EXPECT_EQ(decode_framed(jpeg_of_scans(101), {.size = {16, 16}}, {}, planes), refusal);
  EXPECT_EQ(std::get<DecodeFailure>(decode(jpeg_of_scans(101))), refusal);
  EXPECT_TRUE(std::holds_alternative<Image>(decode(jpeg_of_scans(100))));
}

TEST(DecodeFramed, JudgesTheSizeByTheHeaderAndTheSlotByItsSide) {
  std::vector<uint8_t> planes(3 * 8 * 8);
  for (const char* name : {"rgb.png", "baseline.jpg", "progressive.jpg", "lossy.webp"}) {
    const auto failure = decode_framed(fixtures::bytes(name), {.size = {8, 8}}, {}, planes, 37 * 23 - 1);
    ASSERT_TRUE(failure) << name;
    EXPECT_EQ(failure->fault, DecodeFault::kTooManyPixels) << name;
    EXPECT_FALSE(decode_framed(fixtures::bytes(name), {.size = {8, 8}}, {}, planes, 37 * 23)) << name;
  }
  EXPECT_THROW(decode_framed(fixtures::bytes("rgb.png"), {.size = {9, 9}}, {}, planes), std::invalid_argument);
  EXPECT_THROW(decode_framed(fixtures::bytes("rgb.png"), {.size = {0, 0}}, {}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
