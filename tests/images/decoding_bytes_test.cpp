#include <avif/avif.h>
#include <gtest/gtest.h>
#include <jxl/encode.h>
#include <malloc.h>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tiffio.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "base/free_with.h"
#include "images/decode.h"
#include "images/encode.h"
#include "tests/images/fixtures.h"
#include "tests/support/temporary_folder.h"

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
                                                    {"cmyk.jpg", 4},
                                                    {"grey.avif", 2 + 1 + 3},
                                                    {"full.avif", 2 * 3 + 1 + 3},
                                                    {"ten_bits.avif", 2 * 3 * 2 + 1 + 3},
                                                    {"alpha.avif", 2 * 4 + 2 + 4},
                                                    {"grey.jxl", 3 + 12 * 3},
                                                    {"lossy.jxl", 3 + 12 * 3},
                                                    {"wide.jxl", 3 + 12 * 3},
                                                    {"alpha.jxl", 4 + 12 * 4},
                                                    {"rgb.tif", 4 + 3 + 3},
                                                    {"rgb_16.tif", 4 + 3 + 6},
                                                    {"deflate.tif", 4 + 3 + 3},
                                                    {"planes.tif", 4 + 3 + 3},
                                                    {"rgb.bmp", 3},
                                                    {"core.bmp", 3},
                                                    {"four_bits.bmp", 3},
                                                    {"alpha.bmp", 4}};
  for (const auto& [name, bytes] : channels) EXPECT_EQ(needed(name), bytes * kPixels) << name;
}

TEST(DecodingBytes, AreNoneForAJpegThatIsReadRowByRow) {
  for (const char* name : {"baseline.jpg", "grey.jpg", "restarts.jpg"}) EXPECT_EQ(needed(name), 0u) << name;
}

TEST(DecodingBytes, AreNoneForWhatIsRefusedByItsHeader) {
  EXPECT_EQ(decoding_bytes({}, kFrame), 0u);
  for (const char* name :
       {"animated.webp", "animated.avif", "animated.jxl", "grid.avif", "many_samples.tif", "floats.tif"})
    EXPECT_EQ(needed(name), 0u) << name;
  for (const char* name : {"rgb.png", "cmyk.jpg", "progressive.jpg", "lossy.webp", "lossy.avif", "alpha.avif",
                           "boxed.jxl", "rgb.tif", "tiled.tif", "rgb.bmp", "alpha.bmp"}) {
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

constexpr int kSide = 2048;

/// Shades and grain in `channels` samples a pixel.
template <class Sample>
std::vector<Sample> drawn(size_t channels) {
  constexpr size_t kEdge = kSide, kShades = 8 * (sizeof(Sample) - 1);
  std::vector<Sample> samples(channels * kEdge * kEdge);
  std::minstd_rand random;
  for (size_t i = 0; i < samples.size(); ++i) {
    const size_t pixel = i / channels, shade = (pixel % kEdge + pixel / kEdge * (i % channels)) % 240;
    samples[i] = static_cast<Sample>((shade + random() % 16) << kShades);
  }
  return samples;
}

std::vector<std::byte> avif(avifPixelFormat format, uint32_t depth, bool alpha, bool grain) {
  const auto samples = drawn<uint8_t>(4);
  const std::unique_ptr<avifImage, FreeWith<avifImageDestroy>> image(
      avifImageCreate(kSide, kSide, static_cast<int>(depth), format));
  image->matrixCoefficients = AVIF_MATRIX_COEFFICIENTS_BT601;
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, image.get());
  rgb.depth = 8;
  rgb.ignoreAlpha = alpha ? AVIF_FALSE : AVIF_TRUE;
  rgb.rowBytes = 4 * kSide;
  rgb.pixels = const_cast<uint8_t*>(samples.data());
  EXPECT_EQ(avifImageRGBToYUV(image.get(), &rgb), AVIF_RESULT_OK);
  const std::unique_ptr<avifEncoder, FreeWith<avifEncoderDestroy>> encoder(avifEncoderCreate());
  encoder->codecChoice = AVIF_CODEC_CHOICE_AOM;
  encoder->speed = AVIF_SPEED_FASTEST;
  encoder->minQuantizer = encoder->maxQuantizer = encoder->minQuantizerAlpha = encoder->maxQuantizerAlpha = 60;
  if (grain) avifEncoderSetCodecSpecificOption(encoder.get(), "film-grain-test", "1");
  avifRWData file = AVIF_DATA_EMPTY;
  EXPECT_EQ(avifEncoderWrite(encoder.get(), image.get(), &file), AVIF_RESULT_OK);
  const auto view = std::as_bytes(std::span(file.data, file.size));
  std::vector<std::byte> bytes(view.begin(), view.end());
  avifRWDataFree(&file);
  return bytes;
}

/// `extras` beyond red, green and blue: an alpha channel, then others.
std::vector<std::byte> jxl(uint32_t extras, bool lossy, bool responsive, int side = 1024) {
  const std::unique_ptr<JxlEncoder, FreeWith<JxlEncoderDestroy>> encoder(JxlEncoderCreate(nullptr));
  JxlBasicInfo info;
  JxlEncoderInitBasicInfo(&info);
  info.xsize = info.ysize = static_cast<uint32_t>(side);
  info.bits_per_sample = 8;
  info.num_color_channels = 3;
  info.num_extra_channels = extras;
  info.alpha_bits = extras > 0 ? 8 : 0;
  info.uses_original_profile = lossy ? JXL_FALSE : JXL_TRUE;
  JxlEncoderSetCodestreamLevel(encoder.get(), 10);
  EXPECT_EQ(JxlEncoderSetBasicInfo(encoder.get(), &info), JXL_ENC_SUCCESS);
  for (uint32_t i = 0; i < extras; ++i) {
    JxlExtraChannelInfo channel;
    JxlEncoderInitExtraChannelInfo(i == 0 ? JXL_CHANNEL_ALPHA : JXL_CHANNEL_DEPTH, &channel);
    channel.bits_per_sample = 8;
    EXPECT_EQ(JxlEncoderSetExtraChannelInfo(encoder.get(), i, &channel), JXL_ENC_SUCCESS);
  }
  JxlColorEncoding colours;
  JxlColorEncodingSetToSRGB(&colours, JXL_FALSE);
  EXPECT_EQ(JxlEncoderSetColorEncoding(encoder.get(), &colours), JXL_ENC_SUCCESS);
  JxlEncoderFrameSettings* const settings = JxlEncoderFrameSettingsCreate(encoder.get(), nullptr);
  JxlEncoderFrameSettingsSetOption(settings, JXL_ENC_FRAME_SETTING_EFFORT, 3);
  if (responsive) JxlEncoderFrameSettingsSetOption(settings, JXL_ENC_FRAME_SETTING_RESPONSIVE, 1);
  if (lossy) JxlEncoderSetFrameDistance(settings, 2);
  if (!lossy) JxlEncoderSetFrameLossless(settings, JXL_TRUE);
  const auto samples = drawn<uint8_t>(3);
  const size_t plane = static_cast<size_t>(side) * static_cast<size_t>(side);
  const JxlPixelFormat format{3, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0}, grey{1, JXL_TYPE_UINT8, JXL_NATIVE_ENDIAN, 0};
  EXPECT_EQ(JxlEncoderAddImageFrame(settings, &format, samples.data(), 3 * plane), JXL_ENC_SUCCESS);
  for (uint32_t i = 0; i < extras; ++i)
    EXPECT_EQ(JxlEncoderSetExtraChannelBuffer(settings, &grey, samples.data(), plane, i), JXL_ENC_SUCCESS);
  JxlEncoderCloseInput(encoder.get());
  std::vector<std::byte> bytes(size_t{32} << 20);
  auto* next = reinterpret_cast<uint8_t*>(bytes.data());
  size_t left = bytes.size();
  EXPECT_EQ(JxlEncoderProcessOutput(encoder.get(), &next, &left), JXL_ENC_SUCCESS);
  bytes.resize(bytes.size() - left);
  return bytes;
}

/// In a single strip: 16 bits and alpha.
std::vector<std::byte> tiff(uint16_t codec, uint16_t arrangement, uint16_t bit_order) {
  constexpr uint16_t kChannels = 4, kAlpha = EXTRASAMPLE_UNASSALPHA;
  auto samples = drawn<uint16_t>(kChannels);
  const TemporaryFolder folder;
  const auto path = folder.path() / "picture.tif";
  {
    const std::unique_ptr<TIFF, FreeWith<TIFFClose>> file(TIFFOpen(path.c_str(), "w"));
    TIFFSetField(file.get(), TIFFTAG_IMAGEWIDTH, kSide);
    TIFFSetField(file.get(), TIFFTAG_IMAGELENGTH, kSide);
    TIFFSetField(file.get(), TIFFTAG_ROWSPERSTRIP, kSide);
    TIFFSetField(file.get(), TIFFTAG_BITSPERSAMPLE, 16);
    TIFFSetField(file.get(), TIFFTAG_SAMPLESPERPIXEL, kChannels);
    TIFFSetField(file.get(), TIFFTAG_EXTRASAMPLES, 1, &kAlpha);
    TIFFSetField(file.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(file.get(), TIFFTAG_PLANARCONFIG, arrangement);
    TIFFSetField(file.get(), TIFFTAG_FILLORDER, bit_order);
    TIFFSetField(file.get(), TIFFTAG_COMPRESSION, codec);
    const bool is_contiguous = arrangement == PLANARCONFIG_CONTIG;
    const tmsize_t strip = static_cast<tmsize_t>(samples.size() * sizeof(uint16_t)) / (is_contiguous ? 1 : kChannels);
    for (uint32_t i = 0; i < (is_contiguous ? 1u : kChannels); ++i)
      EXPECT_EQ(TIFFWriteEncodedStrip(file.get(), i, reinterpret_cast<std::byte*>(samples.data()) + i * strip, strip),
                strip);
  }
  const std::string text = read_file(path);
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

/// Uncompressed, 32 bits a pixel with masks.
std::vector<std::byte> bmp(bool alpha) {
  std::vector<std::byte> bytes = fixtures::bytes("alpha.bmp");  // 70 bytes of headers: its edges are at 18 and 22
  bytes.resize(70 + size_t{4} * kSide * kSide);
  for (const size_t at : {18u, 22u}) {
    bytes[at] = std::byte{kSide & 0xff};
    bytes[at + 1] = std::byte{kSide >> 8};
  }
  if (!alpha) std::fill_n(bytes.begin() + 66, 4, std::byte{0});
  return bytes;
}

/// By how much a process grows that decodes a file.
uint64_t taken(const std::vector<std::byte>& file) {
  malloc_trim(0);  // what is free here is free there, and would not count
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

/// What a process takes, where that is what the libraries take.
class MeasuredDecodingBytes : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer keeps notes of memory in memory: this process grows by more than the libraries take";
#endif
  }
};

TEST_F(MeasuredDecodingBytes, AreWhatAProcessGrowsBy) {
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

TEST_F(MeasuredDecodingBytes, BoundWhatAProcessGrowsByWhereALibraryKeepsMore) {
  struct Case {
    std::vector<std::byte> file;
    double least;  ///< of what is said, that is taken
  };
  using Cases = std::map<std::string, Case>;
  constexpr auto kApart = PLANARCONFIG_SEPARATE, kTogether = PLANARCONFIG_CONTIG;
  for (const auto& [name, one] :
       Cases{{"an AVIF", {avif(AVIF_PIXEL_FORMAT_YUV420, 8, false, false), 0.7}},
             {"one with film grain", {avif(AVIF_PIXEL_FORMAT_YUV420, 8, false, true), 0.9}},
             {"one of 10 bits with full chroma and alpha", {avif(AVIF_PIXEL_FORMAT_YUV444, 10, true, false), 0.5}},
             {"one of all that", {avif(AVIF_PIXEL_FORMAT_YUV444, 10, true, true), 0.9}},
             {"a lossy JPEG XL", {jxl(0, true, false), 0.1}},
             {"a responsive one", {jxl(0, false, true), 0.7}},
             {"one with alpha", {jxl(1, true, false), 0.8}},
             {"one with depth as well", {jxl(2, true, false), 0.8}},
             {"a TIFF", {tiff(COMPRESSION_ADOBE_DEFLATE, kTogether, FILLORDER_MSB2LSB), 0.9}},
             {"one with planes", {tiff(COMPRESSION_ADOBE_DEFLATE, kApart, FILLORDER_MSB2LSB), 0.9}},
             {"one with bits in reverse", {tiff(COMPRESSION_ADOBE_DEFLATE, kTogether, FILLORDER_LSB2MSB), 0.8}},
             {"one of logarithms", {tiff(COMPRESSION_PIXARLOG, kTogether, FILLORDER_MSB2LSB), 0.5}},
             {"a BMP", {bmp(false), 0.9}},
             {"one with an alpha channel", {bmp(true), 0.9}}}) {
    constexpr uint64_t kSlack = 4 << 20;
    const uint64_t said = decoding_bytes(one.file, kFrame), grown = taken(one.file);
    EXPECT_LE(grown, said + kSlack) << name;
    EXPECT_GE(static_cast<double>(grown), one.least * static_cast<double>(said)) << name;
  }
}

TEST(DecodingBytes, AreBoundBecauseSamplesAre) {
  EXPECT_GT(decoding_bytes(jxl(5, false, false, 64), kFrame), 0u);
  EXPECT_EQ(decoding_bytes(jxl(6, false, false, 64), kFrame), 0u);
  const auto result = decode(jxl(6, false, false, 64));
  ASSERT_TRUE(std::holds_alternative<DecodeFailure>(result));
  EXPECT_EQ(std::get<DecodeFailure>(result),
            (DecodeFailure{DecodeFault::kNotAnImage, "a JPEG XL with 9 samples a pixel"}));
  EXPECT_TRUE(std::holds_alternative<Image>(decode(jxl(5, false, false, 64))));
}

}  // namespace
}  // namespace atelier
