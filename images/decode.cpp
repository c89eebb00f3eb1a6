#include "images/decode.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

#include "images/formats.h"
#include "images/opencv.h"
#include "images/resize.h"

namespace atelier {
namespace {

/// Whether `bytes` continue with `signature` at `offset`.
bool has_at(std::span<const std::byte> bytes, size_t offset, std::string_view signature) {
  return bytes.size() >= offset + signature.size() &&
         std::equal(signature.begin(), signature.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char letter, std::byte byte) { return static_cast<std::byte>(letter) == byte; });
}

bool is_jpeg(std::span<const std::byte> bytes) { return has_at(bytes, 0, "\xff\xd8\xff"); }
bool is_png(std::span<const std::byte> bytes) { return has_at(bytes, 0, "\x89PNG\r\n\x1a\n"); }
bool is_webp(std::span<const std::byte> bytes) { return has_at(bytes, 0, "RIFF") && has_at(bytes, 8, "WEBP"); }

/// Also one that ends within its list of brands, where libavif cannot tell.
bool is_avif(std::span<const std::byte> bytes) {
  return (has_at(bytes, 4, "ftyp") && (has_at(bytes, 8, "avif") || has_at(bytes, 8, "avis"))) || has_avif_brand(bytes);
}

/// A bare codestream, or a file that holds one (ISO/IEC 18181-2).
bool is_jxl(std::span<const std::byte> bytes) {
  return has_at(bytes, 0, "\xff\x0a") || has_at(bytes, 0, std::string_view("\0\0\0\x0cJXL \r\n\x87\n", 12));
}

/// TIFF or BigTIFF, in either order of bytes.
bool is_tiff(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  constexpr std::array kSignatures = {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv};
  return std::any_of(kSignatures.begin(), kSignatures.end(),
                     [&](auto signature) { return has_at(bytes, 0, signature); });
}

bool is_bmp(std::span<const std::byte> bytes) { return has_at(bytes, 0, "BM"); }

/// One way to read a file of a kind; JPEGs have theirs, as they can be read smaller.
struct Format {
  bool (*is)(std::span<const std::byte> bytes);
  Reading (*read)(std::span<const std::byte> bytes, int64_t max_pixels);
  uint64_t (*decoding_bytes)(std::span<const std::byte> bytes, int64_t max_pixels);
};
constexpr std::array kFormats = {
    Format{is_png, read_png, png_decoding_bytes},    Format{is_webp, read_webp, webp_decoding_bytes},
    Format{is_avif, read_avif, avif_decoding_bytes}, Format{is_jxl, read_jxl, jxl_decoding_bytes},
    Format{is_tiff, read_tiff, tiff_decoding_bytes}, Format{is_bmp, read_bmp, bmp_decoding_bytes}};

/// Null: none of them.
const Format* format_of(std::span<const std::byte> bytes) {
  const auto* format = std::ranges::find_if(kFormats, [&](const Format& each) { return each.is(bytes); });
  return format == kFormats.end() ? nullptr : format;
}

Reading read(std::span<const std::byte> bytes, int min_side, int64_t max_pixels) {
  if (is_jpeg(bytes)) return read_jpeg(bytes, min_side, max_pixels);
  if (const Format* format = format_of(bytes)) return format->read(bytes, max_pixels);
  return DecodeFailure{DecodeFault::kNotAnImage,
                       bytes.empty() ? "an empty file" : "neither JPEG, PNG, WebP, AVIF, JPEG XL, TIFF nor BMP"};
}

/// Turns a stored picture upright. The eight orientations (EXIF 2.32, tag 0x0112) are an optional exchange of rows and
/// columns, then an optional mirror each way.
Image upright(Stored stored) {
  if (stored.orientation == 1) return std::move(stored.image);
  cv::Mat pixels = as_mat(stored.image);
  if (is_transposed(stored.orientation)) pixels = pixels.t();
  Image result(pixels.cols, pixels.rows);
  cv::Mat target = as_mat(result);
  switch (stored.orientation) {
    case 2:
    case 6:
      cv::flip(pixels, target, 1);  // left to right
      break;
    case 3:
    case 7:
      cv::flip(pixels, target, -1);  // both ways
      break;
    case 4:
    case 8:
      cv::flip(pixels, target, 0);  // top to bottom
      break;
    default:
      pixels.copyTo(target);
  }
  return result;
}

}  // namespace

std::variant<Image, DecodeFailure> decode(std::span<const std::byte> bytes, int min_side, int64_t max_pixels) {
  Reading reading = read(bytes, min_side, max_pixels);
  if (auto* failure = std::get_if<DecodeFailure>(&reading)) return std::move(*failure);
  return upright(std::get<Stored>(std::move(reading)));
}

std::optional<DecodeFailure> decode_framed(std::span<const std::byte> bytes, const Framing& framing,
                                           const Augmentation& augmentation, std::span<uint8_t> planes,
                                           int64_t max_pixels) {
  const auto [width, height] = framing.size;
  if (width < 1 || height < 1 || planes.size() != 3 * static_cast<size_t>(width) * static_cast<size_t>(height))
    throw std::invalid_argument("decode_framed needs 3 * height * width bytes");
  if (is_jpeg(bytes)) return read_jpeg(bytes, framing, augmentation, planes, max_pixels);
  Reading reading = read(bytes, 0, max_pixels);
  if (auto* failure = std::get_if<DecodeFailure>(&reading)) return std::move(*failure);
  const auto& [image, orientation] = std::get<Stored>(reading);
  resize(image, place(image.width, image.height, orientation, framing, augmentation), planes);
  return std::nullopt;
}

uint64_t decoding_bytes(std::span<const std::byte> bytes, const Size& frame, int64_t max_pixels) {
  if (is_jpeg(bytes)) return jpeg_decoding_bytes(bytes, frame, max_pixels);
  const Format* format = format_of(bytes);
  return format ? format->decoding_bytes(bytes, max_pixels) : 0;
}

std::optional<DecodeFailure> judge_size(std::string_view format, int64_t width, int64_t height, int64_t max_pixels) {
  if (width * height <= max_pixels) return std::nullopt;
  return DecodeFailure{DecodeFault::kTooManyPixels, fmt::format("a {} of {} x {} pixels", format, width, height)};
}

DecodeFailure damaged(std::string_view format, std::string_view reason) {
  return {DecodeFault::kTruncated, fmt::format("a {} that is cut short or damaged ({})", format, reason)};
}

void composite_on_white(std::vector<uint8_t>& pixels) {
  const size_t count = pixels.size() / 4;
  for (size_t i = 0; i < count; ++i) {
    const unsigned alpha = pixels[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const unsigned sum = pixels[4 * i + c] * alpha + 255 * (255 - alpha);
      pixels[3 * i + c] = static_cast<uint8_t>((sum + 127) / 255);
    }
  }
  pixels.resize(3 * count);
}

}  // namespace atelier
