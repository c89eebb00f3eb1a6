#include <gtest/gtest.h>
#include <map>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "images/decode.h"
#include "images/encode.h"
#include "tests/images/fixtures.h"

namespace atelier {
namespace {

constexpr uint64_t kPixels = 37 * 23;  // of every fixture that is not turned
constexpr Size kFrame{16, 16};

uint64_t needed(const std::string& name) { return decoding_bytes(fixtures::bytes(name), kFrame); }

TEST(DecodingBytes, AreThoseOfTheWholePictureWhereThereHasToBeOne) {
  const std::map<std::string, uint64_t> channels = {{"rgb.png", 3},
                                                    {"grey.png", 3},
                                                    {"one_bit.png", 3},
                                                    {"palette.png", 3},
                                                    {"interlaced.png", 3},
                                                    {"grey_16.png", 3},
                                                    {"rgb_16.png", 3},
                                                    {"grey_alpha.png", 4},
                                                    {"rgba.png", 4},
                                                    {"rgba_16.png", 4},
                                                    {"lossless.webp", 3 + 4},
                                                    {"lossy.webp", 3},
                                                    {"lossless_alpha.webp", 4 + 4},
                                                    {"lossy_alpha.webp", 4 + 1 + 4},
                                                    {"palette_transparent.png", 4},
                                                    {"cmyk.jpg", 4}};
  for (const auto& [name, bytes] : channels) EXPECT_EQ(needed(name), bytes * kPixels) << name;
}

TEST(DecodingBytes, AreNoneForAJpegThatIsReadRowByRow) {
  for (const char* name : {"baseline.jpg", "grey.jpg", "restarts.jpg"}) EXPECT_EQ(needed(name), 0u) << name;
}

TEST(DecodingBytes, AreNoneForWhatIsRefusedByItsHeader) {
  EXPECT_EQ(decoding_bytes({}, kFrame), 0u);
  EXPECT_EQ(needed("animated.webp"), 0u);
  for (const char* name : {"rgb.png", "cmyk.jpg", "progressive.jpg", "lossy.webp"}) {
    const auto file = fixtures::bytes(name);
    EXPECT_EQ(decoding_bytes(file, kFrame, kPixels - 1), 0u) << name;
    EXPECT_GT(decoding_bytes(file, kFrame, kPixels), 0u) << name;
    EXPECT_EQ(decoding_bytes(std::span(file).first(12), kFrame), 0u) << name;
  }
}

std::vector<std::byte> progressive(int side, TJSAMP sampling) {
  const Image image(side, side, 90);
  const tjhandle encoder = tjInitCompress();
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(
      tjCompress2(encoder, image.rgb.data(), side, 0, side, TJPF_RGB, &buffer, &size, sampling, 90, TJFLAG_PROGRESSIVE),
      0);
  const auto* begin = reinterpret_cast<const std::byte*>(buffer);
  std::vector<std::byte> bytes(begin, begin + size);
  tjFree(buffer);
  tjDestroy(encoder);
  return bytes;
}

/// By how much a process grows that decodes a file.
uint64_t taken(const std::vector<std::byte>& file) {
  const pid_t child = fork();
  if (child == 0) {
    const auto most = [] {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;
    };
    std::vector<uint8_t> planes(3 * 16 * 16);
    const auto before = most();
    const bool failed = decode_framed(file, {.size = kFrame}, {}, planes).has_value();
    _exit(failed ? 255 : static_cast<int>((most() - before) >> 10));  // MiB
  }
  int status = 0;
  waitpid(child, &status, 0);
  return static_cast<uint64_t>(WEXITSTATUS(status)) << 20;
}

TEST(DecodingBytes, AreWhatAProcessGrowsBy) {
  constexpr uint64_t kSlack = 4 << 20;
  for (const auto& [name, file] :
       std::map<std::string, std::vector<std::byte>>{{"a PNG", encode_png(Image(4000, 4000))},
                                                     {"a progressive JPEG", progressive(4000, TJSAMP_420)},
                                                     {"one with full chroma", progressive(3500, TJSAMP_444)},
                                                     {"a JPEG of one scan", encode_jpeg(Image(4000, 4000))}}) {
    const uint64_t said = decoding_bytes(file, kFrame);
    EXPECT_NEAR(static_cast<double>(taken(file)), static_cast<double>(said), kSlack) << name;
    EXPECT_EQ(said == 0, name == "a JPEG of one scan") << name;
  }
}

}  // namespace
}  // namespace atelier
