#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <new>
#include <tiffio.h>

#include "images/formats.h"

namespace atelier {
namespace {

/// What libtiff's callbacks are given.
struct Source {
  std::span<const std::byte> bytes;
  uint64_t place = 0;
  char reason[128] = "";
};

tmsize_t take(thandle_t handle, void* target, tmsize_t count) {
  auto& source = *static_cast<Source*>(handle);
  const uint64_t left = source.place < source.bytes.size() ? source.bytes.size() - source.place : 0;
  const auto taken = static_cast<size_t>(std::min<uint64_t>(left, static_cast<uint64_t>(std::max<tmsize_t>(count, 0))));
  if (taken > 0) std::memcpy(target, source.bytes.data() + source.place, taken);
  source.place += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t refuse_to_write(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto& source = *static_cast<Source*>(handle);
  source.place = offset + (whence == SEEK_CUR ? source.place : whence == SEEK_END ? source.bytes.size() : 0);
  return source.place;
}

int close_nothing(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

/// The first error is the cause of the others.
int on_error(TIFF*, void* user, const char*, const char* format, va_list values) {
  auto& source = *static_cast<Source*>(user);
  if (source.reason[0] == '\0') std::vsnprintf(source.reason, sizeof source.reason, format, values);
  return 1;
}

int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using Options = std::unique_ptr<TIFFOpenOptions, FreeWith<TIFFOpenOptionsFree>>;
using Tiff = std::unique_ptr<TIFF, FreeWith<TIFFClose>>;

/// libtiff reads mapped files, and nothing else does it right: uncompressed tiles are refused in others (4.5).
int map(thandle_t handle, void** begin, toff_t* size) {
  const auto& source = *static_cast<Source*>(handle);
  *begin = const_cast<std::byte*>(source.bytes.data());  // it only reads: its own maps cannot be written to
  *size = source.bytes.size();
  return 1;
}

void unmap_nothing(thandle_t, void*, toff_t) {}

Tiff handle_of(Source& source, int64_t max_pixels) {
  const Options options(TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, nullptr);
  constexpr tmsize_t kBytesOfPixel = 2 * kMostSamples, kTables = 1 << 24;
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(max_pixels) * kBytesOfPixel + kTables);
  return Tiff(TIFFClientOpenExt("", "r", &source, take, refuse_to_write, seek, close_nothing, size_of, map,
                                unmap_nothing, options.get()));
}

template <class T>
T field(TIFF* tiff, uint32_t tag, T otherwise) {
  T value = otherwise;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

/// Whether the picture, and what its tiles add at its edges, is small enough.
std::optional<DecodeFailure> judge_layout(TIFF* tiff, int64_t max_pixels) {
  const int64_t width = field<uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0);
  const int64_t height = field<uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0);
  if (width == 0 || height == 0) return damaged("TIFF", "no pixels");
  if (auto failure = judge_size("TIFF", width, height, max_pixels)) return failure;
  const uint16_t samples = field<uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  if (samples > kMostSamples)
    return DecodeFailure{DecodeFault::kNotAnImage, fmt::format("a TIFF with {} samples a pixel", samples)};
  if (TIFFIsTiled(tiff) == 0) return std::nullopt;
  const int64_t columns = field<uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
  const int64_t rows = field<uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
  if (columns == 0 || rows == 0 || columns > kMaxPixels || rows > kMaxPixels) return damaged("TIFF", "bad tiles");
  return judge_size("TIFF in tiles", (width + columns - 1) / columns * columns, (height + rows - 1) / rows * rows,
                    std::max(max_pixels, kMaxPixels));
}

/// What libtiff's callback for 16-bit grey should do: libtiff's own cuts numbers where the rest is rounded, leaves
/// alpha out and loses its way in tiles that the picture fills in part.
///   skip, out_skip  pixels from the end of a row to the next
void put_grey_16(TIFFRGBAImage* raster, uint32_t* out, uint32_t, uint32_t, uint32_t width, uint32_t height,
                 int32_t skip, int32_t out_skip, unsigned char* in) {
  const auto level = [&](int sample) {
    uint16_t value;
    std::memcpy(&value, in + 2 * sample, sizeof value);
    return (value + 128u) / 257;
  };
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      const uint32_t alpha = raster->alpha != 0 ? level(1) : 255;
      uint32_t grey = raster->photometric == PHOTOMETRIC_MINISWHITE ? 255 - level(0) : level(0);
      if (raster->alpha == EXTRASAMPLE_UNASSALPHA) grey = (grey * alpha + 127) / 255;
      *out++ = grey | grey << 8 | grey << 16 | alpha << 24;
      in += 2 * raster->samplesperpixel;
    }
    in += std::ptrdiff_t{2} * raster->samplesperpixel * skip;
    out += out_skip;
  }
}

/// Ends what TIFFRGBAImageBegin began.
struct Raster : TIFFRGBAImage {
  Raster() : TIFFRGBAImage{} {}
  Raster(const Raster&) = delete;
  Raster& operator=(const Raster&) = delete;
  ~Raster() { TIFFRGBAImageEnd(this); }
};

/// Reads what the file says of its first page, and has libtiff find the way to its pixels.
std::optional<DecodeFailure> open(Source& source, Tiff& tiff, Raster& raster, int64_t max_pixels) {
  tiff = handle_of(source, max_pixels);
  if (!tiff) return damaged("TIFF", source.reason);
  if (auto failure = judge_layout(tiff.get(), max_pixels)) return failure;
  char reason[1024] = "";
  if (TIFFRGBAImageOK(tiff.get(), reason) == 0)
    return DecodeFailure{DecodeFault::kNotAnImage, fmt::format("a TIFF of a kind that is not read ({})", reason)};
  if (TIFFRGBAImageBegin(&raster, tiff.get(), /*stop=*/1, reason) == 0) return damaged("TIFF", reason);
  return std::nullopt;
}

/// What libtiff takes to read strip by strip, or tile by tile.
uint64_t strip_bytes(TIFF* tiff) {
  constexpr uint64_t kPlanes = 4;  // at once, of those that lie apart
  const auto strip = static_cast<uint64_t>(TIFFIsTiled(tiff) != 0 ? TIFFTileSize(tiff) : TIFFStripSize(tiff));
  const uint64_t planes = field<uint16_t>(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_CONTIG
                              ? 1
                              : std::min<uint64_t>(field<uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1), kPlanes);
  const uint16_t codec = field<uint16_t>(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  constexpr std::array kWithCopy = {COMPRESSION_SGILOG, COMPRESSION_SGILOG24, COMPRESSION_PIXARLOG, COMPRESSION_LERC};
  const bool has_copy = std::find(kWithCopy.begin(), kWithCopy.end(), codec) != kWithCopy.end();
  return (planes + (has_copy ? 2 : 0)) * strip;  // the codec's own copy has up to twice as many bits
}

}  // namespace

Reading read_tiff(std::span<const std::byte> bytes, int64_t max_pixels) {
  Source source{.bytes = bytes};
  Tiff tiff;
  Raster raster;
  if (auto failure = open(source, tiff, raster, max_pixels)) return *std::move(failure);
  raster.req_orientation = raster.orientation;  // rows and columns as they are stored: we turn the picture ourselves
  const bool is_grey = raster.photometric == PHOTOMETRIC_MINISBLACK || raster.photometric == PHOTOMETRIC_MINISWHITE;
  if (is_grey && raster.bitspersample == 16 && raster.isContig != 0) raster.put.contig = put_grey_16;
  std::vector<uint32_t> pixels(size_t{raster.width} * raster.height);
  if (TIFFRGBAImageGet(&raster, pixels.data(), raster.width, raster.height) == 0 || source.reason[0] != '\0')
    return damaged("TIFF", source.reason);

  Stored stored;
  stored.image = Image(static_cast<int>(raster.width), static_cast<int>(raster.height));
  uint8_t* out = stored.image.rgb.data();
  for (const uint32_t pixel : pixels) {  // colours are multiplied by alpha already: only the white is missing
    const uint32_t white = 255 - TIFFGetA(pixel);
    for (const uint32_t colour : {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)})
      *out++ = static_cast<uint8_t>(std::min(colour + white, 255u));
  }
  const uint16_t orientation = field<uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  stored.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  return stored;
}

uint64_t tiff_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels) {
  Source source{.bytes = bytes};
  Tiff tiff;
  Raster raster;
  if (open(source, tiff, raster, max_pixels)) return 0;
  const uint64_t pixels = uint64_t{raster.width} * raster.height;
  const bool is_turned = field<uint16_t>(tiff.get(), TIFFTAG_FILLORDER, FILLORDER_MSB2LSB) != FILLORDER_MSB2LSB;
  // libtiff's picture and ours, its strips, and a copy of the file's bytes if their bits are in reverse.
  return (4 + 3) * pixels + strip_bytes(tiff.get()) + (is_turned ? bytes.size() : 0);
}

}  // namespace atelier
