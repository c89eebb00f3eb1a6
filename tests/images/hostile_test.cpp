#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <jxl/encode.h>
#include <memory>
#include <string>

#include "base/free_with.h"
#include "images/decode.h"
#include "images/encode.h"
#include "tests/images/fixtures.h"

namespace atelier {
namespace {

std::vector<std::byte> to_bytes(const std::string& text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

std::string to_text(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

DecodeFault fault_of(std::span<const std::byte> bytes) {
  const auto result = decode(bytes);
  const auto* failure = std::get_if<DecodeFailure>(&result);
  EXPECT_NE(failure, nullptr) << "was decoded";
  EXPECT_TRUE(failure == nullptr || !failure->detail.empty());
  return failure ? failure->fault : DecodeFault{-1};
}

/// What decode_framed() makes of `bytes`; a failed expectation when it writes beside its slot.
std::optional<DecodeFailure> squared_failure(std::span<const std::byte> bytes) {
  constexpr size_t kGuard = 64, kSlot = 3 * 8 * 8;
  std::array<uint8_t, kSlot + 2 * kGuard> memory{};
  auto failure = decode_framed(bytes, {.size = {8, 8}}, {}, std::span(memory).subspan(kGuard, kSlot), 1 << 20);
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  EXPECT_TRUE(std::all_of(memory.begin(), memory.begin() + kGuard, is_zero));
  EXPECT_TRUE(std::all_of(memory.end() - kGuard, memory.end(), is_zero));
  return failure;
}

std::vector<std::byte> patched(std::vector<std::byte> bytes, size_t offset, const std::string& with) {
  const auto patch = to_bytes(with);
  std::copy(patch.begin(), patch.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  return bytes;
}

/// A JPEG XL of 64 x 64 pixels, with layers of `side` squared.
std::vector<std::byte> layered_jxl(uint32_t side, int layers) {
  const std::unique_ptr<JxlEncoder, FreeWith<JxlEncoderDestroy>> encoder(JxlEncoderCreate(nullptr));
  JxlBasicInfo info;
  JxlEncoderInitBasicInfo(&info);
  info.xsize = info.ysize = 64;
  info.bits_per_sample = 8;
  info.uses_original_profile = JXL_TRUE;
  EXPECT_EQ(JxlEncoderSetBasicInfo(encoder.get(), &info), JXL_ENC_SUCCESS);
  JxlColorEncoding colours;
  JxlColorEncodingSetToSRGB(&colours, JXL_FALSE);
  EXPECT_EQ(JxlEncoderSetColorEncoding(encoder.get(), &colours), JXL_ENC_SUCCESS);
  JxlEncoderFrameSettings* const settings = JxlEncoderFrameSettingsCreate(encoder.get(), nullptr);
  JxlEncoderFrameSettingsSetOption(settings, JXL_ENC_FRAME_SETTING_EFFORT, 1);
  JxlEncoderSetFrameLossless(settings, JXL_TRUE);
  JxlFrameHeader frame;
  JxlEncoderInitFrameHeader(&frame);
  frame.layer_info.have_crop = JXL_TRUE;
  frame.layer_info.xsize = frame.layer_info.ysize = side;
  EXPECT_EQ(JxlEncoderSetFrameHeader(settings, &frame), JXL_ENC_SUCCESS);
  const std::vector<uint8_t> pixels(3 * size_t{side} * side, 90);
  const JxlPixelFormat format{3, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};
  for (int layer = 0; layer < layers; ++layer)
    EXPECT_EQ(JxlEncoderAddImageFrame(settings, &format, pixels.data(), pixels.size()), JXL_ENC_SUCCESS);
  JxlEncoderCloseInput(encoder.get());
  std::vector<std::byte> file(size_t{1} << 20);
  auto* next = reinterpret_cast<uint8_t*>(file.data());
  size_t left = file.size();
  EXPECT_EQ(JxlEncoderProcessOutput(encoder.get(), &next, &left), JXL_ENC_SUCCESS);
  file.resize(file.size() - left);
  return file;
}

TEST(HostileImages, JudgesTheFramesOfAJpegXlByTheirOwnSize) {
  EXPECT_TRUE(std::holds_alternative<Image>(decode(layered_jxl(64, 1), 0, 64 * 64)));
  const auto large = decode(layered_jxl(1000, 1), 0, 999 * 999);
  ASSERT_TRUE(std::holds_alternative<DecodeFailure>(large));
  EXPECT_EQ(std::get<DecodeFailure>(large),
            (DecodeFailure{DecodeFault::kTooManyPixels, "a JPEG XL frame of 1000 x 1000 pixels"}));
  EXPECT_EQ(fault_of(layered_jxl(64, 2)), DecodeFault::kNotAnImage);
}

TEST(HostileImages, SaysNotAnImageToAnythingElse) {
  EXPECT_EQ(fault_of({}), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(to_bytes("<!DOCTYPE html><html><body>404</body></html>")), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(to_bytes("GIF89a and more")), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(to_bytes("RIFF1234WAVEfmt ")), DecodeFault::kNotAnImage);
  for (const char* name :
       {"animated.webp", "animated.avif", "animated.jxl", "floats.tif", "many_samples.tif", "grid.avif"})
    EXPECT_EQ(fault_of(fixtures::bytes(name)), DecodeFault::kNotAnImage) << name;
  EXPECT_EQ(fault_of(to_bytes(std::string("\0\0\0\x18"
                                          "ftypheic\0\0\0\0mif1heic",
                                          24))),
            DecodeFault::kNotAnImage);
}

TEST(HostileImages, JudgesTheSizeByTheHeader) {
  // Width and height stand 4 bytes into IHDR's body, whose checksum is repaired by hand (zlib.crc32 in Python).
  const auto png = patched(fixtures::bytes("rgb.png"), 16, std::string("\0\0\xea\x60\0\0\xea\x60", 8));
  EXPECT_EQ(fault_of(patched(png, 29, "\x0f\xb0\xe2\x15")), DecodeFault::kTooManyPixels);

  auto jpeg = fixtures::bytes("baseline.jpg");
  const auto frame = to_bytes("\xff\xc0");
  const auto marker = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  ASSERT_NE(marker, jpeg.end());
  jpeg = patched(jpeg, static_cast<size_t>(marker - jpeg.begin()) + 5, "\xff\xdc\xff\xdc");  // 65500 x 65500
  EXPECT_EQ(fault_of(jpeg), DecodeFault::kTooManyPixels);

  EXPECT_TRUE(std::holds_alternative<Image>(decode(fixtures::bytes("rgb.png"), 0, 37 * 23)));
  for (const char* name : {"rgb.png", "baseline.jpg", "lossy.webp", "lossless.webp", "lossy.avif", "lossy.jxl",
                           "boxed.jxl", "rgb.tif", "rgb.bmp", "core.bmp"}) {
    const auto result = decode(fixtures::bytes(name), 0, 37 * 23 - 1);
    ASSERT_TRUE(std::holds_alternative<DecodeFailure>(result)) << name;
    EXPECT_EQ(std::get<DecodeFailure>(result).fault, DecodeFault::kTooManyPixels) << name;
    EXPECT_NE(std::get<DecodeFailure>(result).detail.find("37 x 23"), std::string::npos) << name;
  }
}

/// `bytes` with `with` as many bytes behind the first `mark` as told.
std::vector<std::byte> patched_behind(const std::vector<std::byte>& bytes, const std::string& mark, size_t behind,
                                      const std::string& with) {
  const auto text = to_bytes(mark);
  const auto found = std::search(bytes.begin(), bytes.end(), text.begin(), text.end());
  EXPECT_NE(found, bytes.end());
  return patched(bytes, static_cast<size_t>(found - bytes.begin()) + behind, with);
}

TEST(HostileImages, JudgesTheSizeOfNewerFormatsByTheHeader) {
  const std::string wide(to_text({0x28, 0x23, 0, 0})), huge(to_text({0, 0, 0, 0x7f}));  // 9000 and 2,130,706,432
  const auto tif = fixtures::bytes("rgb.tif");
  // A tag is its number, its type, how many and the value: width 256 of type 3, height 257.
  const auto larger = patched_behind(patched_behind(tif, to_text({0, 1, 3, 0, 1, 0, 0, 0}), 8, wide),
                                     to_text({1, 1, 3, 0, 1, 0, 0, 0}), 8, wide);
  EXPECT_EQ(fault_of(larger), DecodeFault::kTooManyPixels);
  EXPECT_EQ(
      fault_of(patched_behind(tif, to_text({1, 1, 3, 0, 1, 0, 0, 0}), 0, to_text({1, 1, 4, 0, 1, 0, 0, 0}) + huge)),
      DecodeFault::kTruncated)
      << "not so many strips";
  const auto tiled = fixtures::bytes("tiled.tif");  // 322: the width of a tile
  const std::string tag = to_text({0x42, 1, 3, 0, 1, 0, 0, 0, 16, 0}), longer = to_text({0x42, 1, 4, 0, 1, 0, 0, 0});
  EXPECT_EQ(fault_of(patched_behind(tiled, tag, 0, longer + huge)), DecodeFault::kTruncated);
  EXPECT_EQ(fault_of(patched_behind(tiled, tag, 0, longer + to_text({0, 0, 0, 2}))), DecodeFault::kTooManyPixels);

  const auto bmp = fixtures::bytes("rgb.bmp");
  EXPECT_EQ(fault_of(patched(bmp, 18, wide + wide)), DecodeFault::kTooManyPixels);
  EXPECT_EQ(fault_of(patched(bmp, 18, huge + huge)), DecodeFault::kTooManyPixels);
  EXPECT_EQ(fault_of(patched(bmp, 22, to_text({0, 0, 0, 0x80}))), DecodeFault::kTooManyPixels);  // -2^31 rows
  EXPECT_EQ(fault_of(patched(bmp, 18, to_text({38, 0, 0, 0}))), DecodeFault::kTruncated);
  EXPECT_EQ(fault_of(patched(bmp, 10, to_text({0xff, 0xff, 0xff, 0xff}))), DecodeFault::kTruncated);
  EXPECT_EQ(fault_of(patched(bmp, 30, to_text({1}))), DecodeFault::kNotAnImage) << "run lengths";
  EXPECT_EQ(fault_of(patched(bmp, 28, to_text({16}))), DecodeFault::kNotAnImage) << "16 bits";

  const auto avif = fixtures::bytes("lossy.avif");
  const std::string side = to_text({0, 0, 0x23, 0x28});
  EXPECT_EQ(fault_of(patched_behind(avif, "ispe", 8, side + side)), DecodeFault::kTooManyPixels);
  const auto inside = decode(patched_behind(avif, "ispe", 8, to_text({0, 0, 0, 5, 0, 0, 0, 5})), 0, 100);
  EXPECT_TRUE(std::holds_alternative<DecodeFailure>(inside)) << "larger than it said";
  // ISO/IEC 18181-1, SizeHeader: 0, 3 (30 bits follow), 59999, 1 (as wide as tall), then 1 (all else as usual).
  uint64_t bits = 0b110 | uint64_t{59999} << 3 | uint64_t{1} << 33 | uint64_t{1} << 36;
  std::string jxl = to_text({0xff, 0x0a});
  for (int i = 0; i < 8; ++i, bits >>= 8) jxl += static_cast<char>(bits & 0xff);
  EXPECT_EQ(fault_of(to_bytes(jxl)), DecodeFault::kTooManyPixels);
}

class Damage : public testing::TestWithParam<std::string> {};

TEST_P(Damage, ACutAtAnyPlaceIsNoticed) {
  const auto bytes = fixtures::bytes(GetParam());
  for (size_t length = 0; length < bytes.size(); ++length) {
    // The end of a TIFF may be the place of its next page: without it nothing is missing.
    if (GetParam().ends_with(".tif") && decode(std::span(bytes).first(length)) == decode(bytes)) continue;
    const DecodeFault fault = fault_of(std::span(bytes).first(length));
    EXPECT_EQ(fault, length < 12 ? fault : DecodeFault::kTruncated) << length << " of " << bytes.size() << " bytes";
    const auto failure = squared_failure(std::span(bytes).first(length));
    EXPECT_TRUE(failure && failure->fault == fault) << length << " of " << bytes.size() << " bytes";
  }
}

TEST_P(Damage, AnyWrongByteIsSurvivedInSilence) {
  const auto bytes = fixtures::bytes(GetParam());
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  int64_t decoded = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {  // flips of the lowest, the highest and all bits
      auto damaged = bytes;
      damaged[i] ^= static_cast<std::byte>(change);
      const auto result = decode(damaged, 8, 1 << 20);
      if (const auto* image = std::get_if<Image>(&result)) {
        ++decoded;
        EXPECT_EQ(image->rgb.size(), static_cast<size_t>(image->width) * static_cast<size_t>(image->height) * 3);
      }
      EXPECT_TRUE(result == decode(damaged, 8, 1 << 20)) << "byte " << i << " ^ " << change;
      const auto* failure = std::get_if<DecodeFailure>(&result);
      EXPECT_EQ(squared_failure(damaged), failure ? std::optional(*failure) : std::nullopt)
          << "byte " << i << " ^ " << change;
    }
  }
  EXPECT_LT(decoded, static_cast<int64_t>(3 * bytes.size()));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

std::string test_name(const testing::TestParamInfo<std::string>& file) {
  std::string name = file.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(HostileImages, Damage,
                         testing::Values("rgba.png", "palette_transparent.png", "rgba_16.png", "orientation_6.png",
                                         "baseline.jpg", "progressive.jpg", "restarts.jpg", "cmyk.jpg",
                                         "orientation_7.jpg", "lossy.webp", "lossy_alpha.webp", "lossless_alpha.webp",
                                         "orientation_8.webp", "rgb.tif", "alpha.tif", "deflate.tif", "lzw.tif",
                                         "fax.tif", "palette.tif", "jpeg.tif", "tiled.tif", "tiled_16.tif",
                                         "planes.tif", "orientation_6.tif", "lossy.avif", "alpha.avif",
                                         "turned_31.avif", "cut.avif", "lossless.jxl", "boxed.jxl", "alpha.jxl",
                                         "lossy.jxl", "orientation_6.jxl", "rgb.bmp", "palette.bmp", "alpha.bmp",
                                         "core.bmp"),
                         test_name);

}  // namespace
}  // namespace atelier
