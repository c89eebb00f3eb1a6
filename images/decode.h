#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "images/image.h"
#include "images/transform.h"

namespace atelier {

enum class DecodeFault {
  kNotAnImage,     ///< of none of the formats, of a kind of them that is not read, or an animation
  kTruncated,      ///< begins as one of them, but is cut short or damaged
  kTooManyPixels,  ///< by its header
};
struct DecodeFailure {
  DecodeFault fault;
  std::string detail;  ///< one clause, such as "a JPEG of 70000 x 70000 pixels"
  bool operator==(const DecodeFailure&) const = default;
};

/// The most pixels that decode() allocates for. Judged from the header, before any allocation.
inline constexpr int64_t kMaxPixels = int64_t{64} << 20;

/// Decodes a JPEG, PNG, WebP, AVIF, JPEG XL, TIFF (its first page) or BMP (uncompressed) file: grey, palette, alpha
/// (composited onto white), 16 bit (rounded to 8), CMYK and orientation (applied, as the format has it) included.
/// Colour profiles and gamma are not applied: values are taken as sRGB. Any bytes are safe to pass.
///   bytes     the whole file
///   min_side  0, or the smallest shorter edge the caller needs: a JPEG may then be decoded at 1/2, 1/4 or 1/8 of its
///             size, never below min_side. The result depends on (bytes, min_side) alone.
///   returns   the picture upright, or what was wrong with the file
///   threads   any number at once; keeps nothing
std::variant<Image, DecodeFailure> decode(std::span<const std::byte> bytes, int min_side = 0,
                                          int64_t max_pixels = kMaxPixels);

/// Decodes a file straight into a frame, upright and augmented, without its picture in between where it can: a JPEG is
/// decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size that leaves neither edge shorter than the frame's, and
/// its planes are resampled before they become colours. A pure function of its arguments, the same on every machine.
///   planes   3 * height * width bytes of `framing.size`: red, green, blue; undefined after a failure
///   returns  nothing, or what was wrong with the file
///   threads  any number at once; keeps nothing
std::optional<DecodeFailure> decode_framed(std::span<const std::byte> bytes, const Framing& framing,
                                           const Augmentation& augmentation, std::span<uint8_t> planes,
                                           int64_t max_pixels = kMaxPixels);

/// The bytes that decode_framed() will take at once besides `planes` and some rows of the picture, judged from the
/// header before any pixel is allocated: none for a JPEG of one scan that is grey or YCbCr, its coefficients for one of
/// several scans (a progressive one), the whole picture for all else, and what the format's library keeps of it: for
/// AVIF and JPEG XL the most that pictures with such a header take. 0 for what it would refuse by the header.
///   threads  any number at once; keeps nothing
uint64_t decoding_bytes(std::span<const std::byte> bytes, const Size& frame, int64_t max_pixels = kMaxPixels);

}  // namespace atelier
