#include <algorithm>
#include <array>
#include <avif/avif.h>
#include <memory>
#include <new>

#include "images/formats.h"
#include "images/quiet.h"

namespace atelier {
namespace {

using Decoder = std::unique_ptr<avifDecoder, FreeWith<avifDecoderDestroy>>;
using View = std::unique_ptr<avifImage, FreeWith<avifImageDestroy>>;

/// The item's properties, in EXIF's numbers: a rotation, anti-clockwise, then a mirror. The EXIF block of the file does
/// not count (ISO/IEC 23008-12, 6.5.10, 6.5.12).
int orientation_of(const avifImage& image) {
  const int quarters = (image.transformFlags & AVIF_TRANSFORM_IROT) != 0 ? image.irot.angle & 3 : 0;
  if ((image.transformFlags & AVIF_TRANSFORM_IMIR) == 0) return std::array{1, 8, 3, 6}[static_cast<size_t>(quarters)];
  const bool sideways = (image.imir.mode & 1) != 0;  // left and right are exchanged, else top and bottom
  return (sideways ? std::array{2, 7, 4, 5} : std::array{4, 5, 2, 7})[static_cast<size_t>(quarters)];
}

/// Whether one of the file's items is put together from others. libavif decodes all of these before it looks at their
/// sizes, so a small file could ask for any amount of memory. An item's entry holds the length of its number, 2 or 4
/// bytes, between its name and its type (ISO/IEC 14496-12, 8.11.6).
bool has_grid(std::string_view file) {
  for (size_t at = file.find("infe"); at != std::string_view::npos; at = file.find("infe", at + 1)) {
    constexpr size_t kShort = 12, kLong = 14, kType = 4;
    for (const size_t type : {kShort, kLong}) {
      if (file.substr(std::min(at + type, file.size()), kType) == "grid") return true;
    }
  }
  return false;
}

/// The part that is meant to be seen: a view into `image`.
View cut(const avifImage& image, avifDiagnostics* diagnostics) {
  View view(avifImageCreateEmpty());
  if (!view) throw std::bad_alloc();
  avifCropRect whole{0, 0, image.width, image.height}, shown = whole;
  if ((image.transformFlags & AVIF_TRANSFORM_CLAP) != 0 &&
      avifCropRectConvertCleanApertureBox(&shown, &image.clap, image.width, image.height, image.yuvFormat,
                                          diagnostics) == AVIF_FALSE)
    shown = whole;
  if (avifImageSetViewRect(view.get(), &image, &shown) != AVIF_RESULT_OK) return nullptr;
  return view;
}

Reading to_stored(const avifImage& image, int orientation) {
  Stored stored;
  avifRGBImage rgb;
  avifRGBImageSetDefaults(&rgb, &image);
  const bool has_alpha = image.alphaPlane != nullptr;
  rgb.depth = 8;
  rgb.format = has_alpha ? AVIF_RGB_FORMAT_RGBA : AVIF_RGB_FORMAT_RGB;
  rgb.rowBytes = image.width * (has_alpha ? 4 : 3);
  stored.image.width = static_cast<int>(image.width);
  stored.image.height = static_cast<int>(image.height);
  stored.image.rgb.resize(size_t{rgb.rowBytes} * image.height);
  rgb.pixels = stored.image.rgb.data();
  if (const avifResult result = avifImageYUVToRGB(&image, &rgb); result != AVIF_RESULT_OK)
    return damaged("AVIF", avifResultToString(result));
  if (has_alpha) composite_on_white(stored.image.rgb);
  stored.orientation = orientation;
  return stored;
}

DecodeFailure failure_of(const avifDecoder& decoder, avifResult result) {
  const char* const more = decoder.diag.error;
  return damaged("AVIF", *more != '\0' ? more : avifResultToString(result));
}

avifResult parse(avifDecoder* decoder, std::span<const std::byte> bytes) {
  const avifResult set = avifDecoderSetIOMemory(decoder, as_uint8(bytes), bytes.size());
  return set == AVIF_RESULT_OK ? avifDecoderParse(decoder) : set;
}

std::optional<DecodeFailure> judge(const avifImage& image, int64_t max_pixels) {
  return judge_size("AVIF", image.width, image.height, max_pixels);
}

Decoder make_decoder() {
  Decoder decoder(avifDecoderCreate());
  if (!decoder) throw std::bad_alloc();
  decoder->maxThreads = 1;
  decoder->ignoreExif = decoder->ignoreXMP = AVIF_TRUE;
  decoder->imageDimensionLimit = 0;                                                 // judge_size() is the limit
  decoder->strictFlags = AVIF_STRICT_CLAP_VALID | AVIF_STRICT_ALPHA_ISPE_REQUIRED;  // many files have no pixi
  return decoder;
}

/// Reads what the file says of the picture; does not come to what AV1's decoder reads.
std::optional<DecodeFailure> open(avifDecoder* decoder, std::span<const std::byte> bytes, int64_t max_pixels) {
  if (const avifResult result = parse(decoder, bytes); result != AVIF_RESULT_OK) return failure_of(*decoder, result);
  if (has_grid({reinterpret_cast<const char*>(bytes.data()), bytes.size()}))
    return DecodeFailure{DecodeFault::kNotAnImage, "an AVIF made of several pictures (a grid), which is not read"};
  if (decoder->imageCount != 1) return DecodeFailure{DecodeFault::kNotAnImage, "an animated AVIF"};
  return judge(*decoder->image, max_pixels);
}

Reading read(std::span<const std::byte> bytes, int64_t max_pixels) {
  const Decoder decoder = make_decoder();
  if (auto failure = open(decoder.get(), bytes, max_pixels)) return *std::move(failure);
  // Once more, for what the pictures inside say of themselves to be held to the same limit.
  decoder->imageSizeLimit = static_cast<uint32_t>(std::min<int64_t>(max_pixels, decoder->imageSizeLimit));
  avifResult result = parse(decoder.get(), bytes);
  if (result == AVIF_RESULT_OK) result = avifDecoderNextImage(decoder.get());
  if (result != AVIF_RESULT_OK) return failure_of(*decoder, result);
  if (auto failure = judge(*decoder->image, max_pixels)) return *std::move(failure);
  const View view = cut(*decoder->image, &decoder->diag);
  if (!view) return damaged("AVIF", "bad clean aperture");
  return to_stored(*view, orientation_of(*decoder->image));
}

}  // namespace

bool has_avif_brand(std::span<const std::byte> bytes) {
  const avifROData file{as_uint8(bytes), bytes.size()};
  return avifPeekCompatibleFileType(&file) == AVIF_TRUE;
}

/// Quietly: dav1d writes to standard error what is wrong with a file, and libavif does not tell it to be silent.
Reading read_avif(std::span<const std::byte> bytes, int64_t max_pixels) {
  Reading reading;
  quietly([&] { reading = read(bytes, max_pixels); });
  return reading;
}

uint64_t avif_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels) {
  const Decoder decoder = make_decoder();
  if (open(decoder.get(), bytes, max_pixels)) return 0;
  const avifImage& image = *decoder->image;
  const uint64_t width = image.width, height = image.height;
  const bool alpha = decoder->alphaPresent == AVIF_TRUE;
  avifPixelFormatInfo format;
  avifGetPixelFormatInfo(image.yuvFormat, &format);
  const uint64_t columns = (width + format.chromaShiftX) >> format.chromaShiftX,
                 rows = (height + format.chromaShiftY) >> format.chromaShiftY;
  const uint64_t samples = width * height * (alpha ? 2 : 1) + (format.monochrome ? 0 : 2 * columns * rows);
  // dav1d's planes twice, as the header does not tell whether film grain is added to a copy; its tables of blocks,
  // under a byte a pixel for colour and for alpha; and ours.
  const uint64_t planes = 2 * samples * (image.depth > 8 ? 2 : 1);
  return planes + width * height * (alpha ? 2 + 4 : 1 + 3);
}

}  // namespace atelier
