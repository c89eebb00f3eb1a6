#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <string>

#include "images/decode.h"
#include "images/encode.h"
#include "tests/images/fixtures.h"

namespace atelier {
namespace {

std::vector<std::byte> to_bytes(const std::string& text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
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

TEST(HostileImages, SaysNotAnImageToAnythingElse) {
  EXPECT_EQ(fault_of({}), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(to_bytes("<!DOCTYPE html><html><body>404</body></html>")), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(to_bytes("GIF89a and more")), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(to_bytes("RIFF1234WAVEfmt ")), DecodeFault::kNotAnImage);
  EXPECT_EQ(fault_of(fixtures::bytes("animated.webp")), DecodeFault::kNotAnImage);
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
  for (const char* name : {"rgb.png", "baseline.jpg", "lossy.webp", "lossless.webp"}) {
    const auto result = decode(fixtures::bytes(name), 0, 37 * 23 - 1);
    ASSERT_TRUE(std::holds_alternative<DecodeFailure>(result)) << name;
    EXPECT_EQ(std::get<DecodeFailure>(result).fault, DecodeFault::kTooManyPixels) << name;
    EXPECT_NE(std::get<DecodeFailure>(result).detail.find("37 x 23"), std::string::npos) << name;
  }
}

class Damage : public testing::TestWithParam<std::string> {};

TEST_P(Damage, ACutAtAnyPlaceIsNoticed) {
  const auto bytes = fixtures::bytes(GetParam());
  for (size_t length = 0; length < bytes.size(); ++length) {
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
                                         "orientation_8.webp"),
                         test_name);

}  // namespace
}  // namespace atelier
