#include <algorithm>
#include <memory>
#include <string_view>
#include <turbojpeg.h>

#include "images/formats.h"

namespace atelier {
namespace {

/// The largest of 8, 4 and 2 by which `shorter` pixels can be divided and still be at least `min_side`, else 1. Other
/// scales have no SIMD path in libjpeg-turbo and take longer than full size.
int divisor(int shorter, int min_side) {
  if (min_side <= 0) return 1;
  for (const int by : {8, 4, 2}) {
    if ((shorter + by - 1) / by >= min_side) return by;
  }
  return 1;
}

/// Adobe's CMYK, stored inverted (255: no ink), to RGB; in place. Files without Adobe's marker are read likewise, as
/// Pillow does.
void inverted_cmyk_to_rgb(std::vector<uint8_t>& pixels) {
  const size_t count = pixels.size() / 4;
  for (size_t i = 0; i < count; ++i) {
    const unsigned key = pixels[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) pixels[3 * i + c] = static_cast<uint8_t>((pixels[4 * i + c] * key + 127) / 255);
  }
  pixels.resize(3 * count);
}

/// Whether the picture is whole in spite of the decoder's last warning: stray bytes between markers, and headers that
/// the decoder knows how to read anyway. Everything else means that parts of the picture are missing or invented.
bool is_harmless(std::string_view warning) {
  const auto says = [&](std::string_view part) { return warning.find(part) != std::string_view::npos; };
  return says("extraneous bytes before marker") || says("Invalid SOS parameters") || says("Unknown Adobe color");
}

}  // namespace

Reading read_jpeg(std::span<const std::byte> bytes, int min_side, int64_t max_pixels) {
  const std::unique_ptr<void, FreeWith<tjDestroy>> decoder(tjInitDecompress());
  if (!decoder) throw std::bad_alloc();

  // The result is an error also for harmless warnings and unusual subsampling; the size is set when it was read.
  int width = 0, height = 0, subsampling = 0, colours = -1;
  tjDecompressHeader3(decoder.get(), as_uint8(bytes), bytes.size(), &width, &height, &subsampling, &colours);
  if (width < 1 || height < 1) return damaged("JPEG", tjGetErrorStr2(decoder.get()));
  if (auto failure = judge_size("JPEG", width, height, max_pixels)) return std::move(*failure);

  Stored stored;
  const int by = divisor(std::min(width, height), min_side);
  stored.image.width = (width + by - 1) / by;
  stored.image.height = (height + by - 1) / by;
  const bool cmyk = colours == TJCS_CMYK || colours == TJCS_YCCK;
  const int format = cmyk ? TJPF_CMYK : TJPF_RGB;
  stored.image.rgb.resize(static_cast<size_t>(stored.image.width) * static_cast<size_t>(stored.image.height) *
                          static_cast<size_t>(tjPixelSize[format]));
  const int result = tjDecompress2(decoder.get(), as_uint8(bytes), bytes.size(), stored.image.rgb.data(),
                                   stored.image.width, 0, stored.image.height, format, TJFLAG_LIMITSCANS);
  if (result != 0 && (tjGetErrorCode(decoder.get()) == TJERR_FATAL || !is_harmless(tjGetErrorStr2(decoder.get())))) {
    return damaged("JPEG", tjGetErrorStr2(decoder.get()));
  }
  if (cmyk) inverted_cmyk_to_rgb(stored.image.rgb);
  stored.orientation = orientation_of_jpeg(bytes);
  return stored;
}

}  // namespace atelier
