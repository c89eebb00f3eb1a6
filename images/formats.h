#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/free_with.h"
#include "images/decode.h"
#include "images/image.h"
#include "images/transform.h"

/// What decode() is made of: one reader a file format, and what they share. Not for callers outside images/.
namespace atelier {

/// A picture as its file stores it.
struct Stored {
  Image image;
  int orientation = 1;  ///< EXIF's, 1..8: how `image` has to be turned to stand upright
};
using Reading = std::variant<Stored, DecodeFailure>;

/// Each expects a file with its format's signature.
Reading read_jpeg(std::span<const std::byte> bytes, int min_side, int64_t max_pixels);
/// Straight into a frame: see decode_framed().
std::optional<DecodeFailure> read_jpeg(std::span<const std::byte> bytes, const Framing& framing,
                                       const Augmentation& augmentation, std::span<uint8_t> planes, int64_t max_pixels);
Reading read_png(std::span<const std::byte> bytes, int64_t max_pixels);
Reading read_webp(std::span<const std::byte> bytes, int64_t max_pixels);
Reading read_avif(std::span<const std::byte> bytes, int64_t max_pixels);
Reading read_jxl(std::span<const std::byte> bytes, int64_t max_pixels);
Reading read_tiff(std::span<const std::byte> bytes, int64_t max_pixels);
Reading read_bmp(std::span<const std::byte> bytes, int64_t max_pixels);

/// Samples a pixel that are decoded, though all but colour and alpha are decoded in vain.
inline constexpr uint32_t kMostSamples = 8;

/// Whether AVIF is among the brands that a file says it is of.
bool has_avif_brand(std::span<const std::byte> bytes);

/// What decoding_bytes() says, by format.
uint64_t jpeg_decoding_bytes(std::span<const std::byte> bytes, const Size& frame, int64_t max_pixels);
uint64_t png_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels);
uint64_t webp_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels);
uint64_t avif_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels);
uint64_t jxl_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels);
uint64_t tiff_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels);
uint64_t bmp_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels);

/// The orientation in a JPEG file, or in an EXIF block with or without its "Exif\0\0"; 1 when there is none that holds.
int orientation_of_jpeg(std::span<const std::byte> file);
int orientation_of_block(std::span<const std::byte> exif);

/// A failure when the header promises more than `max_pixels`.
std::optional<DecodeFailure> judge_size(std::string_view format, int64_t width, int64_t height, int64_t max_pixels);

/// The failure of a file that begins as `format`; `reason` is the library's own word.
DecodeFailure damaged(std::string_view format, std::string_view reason);

/// RGBA, not premultiplied, to RGB on white; in place, so the vector shrinks by a quarter.
void composite_on_white(std::vector<uint8_t>& pixels);

/// The view of the same bytes that C libraries take.
inline const uint8_t* as_uint8(std::span<const std::byte> bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

}  // namespace atelier
