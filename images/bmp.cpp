#include <array>
#include <bit>
#include <cstdlib>
#include <fmt/format.h>

#include "images/formats.h"

// BMP as Windows has written it since version 3, and OS/2's first kind: uncompressed, with a palette or 24 or 32 bits.
// https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage

namespace atelier {
namespace {

constexpr size_t kFileHeader = 14;

/// Numbers of the file, least byte first; 0 behind its end.
class Fields {
 public:
  explicit Fields(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint32_t u16(size_t at) const { return u8(at) | u8(at + 1) << 8; }
  uint32_t u32(size_t at) const { return u16(at) | u16(at + 2) << 16; }
  int64_t i32(size_t at) const { return static_cast<int32_t>(u32(at)); }
  uint32_t u8(size_t at) const { return at < bytes_.size() ? std::to_integer<uint32_t>(bytes_[at]) : 0; }

 private:
  std::span<const std::byte> bytes_;
};

struct Layout {
  int64_t width = 0, height = 0;
  bool upwards = true;  ///< the last row comes first
  uint32_t bits = 0;
  size_t palette = 0, colour_bytes = 4, colours = 0;  ///< where, how long each, how many
  size_t pixels = 0, stride = 0;
  std::array<size_t, 4> place = {2, 1, 0, 0};  ///< of red, green, blue and alpha in a pixel of 32 bits
  bool has_alpha = false;
};

DecodeFailure not_read(std::string_view what) {
  return {DecodeFault::kNotAnImage, fmt::format("a BMP of a kind that is not read ({})", what)};
}

/// The byte that `mask` covers; 4: it covers no byte.
size_t byte_of(uint32_t mask) {
  for (size_t i = 0; i < 4; ++i) {
    if (mask == 0xffu << 8 * i) return i;
  }
  return 4;
}

std::variant<Layout, DecodeFailure> read_layout(const Fields& fields) {
  constexpr uint32_t kCore = 12, kInfo = 40, kWithAlpha = 56, kLargest = 124;
  constexpr uint32_t kPlain = 0, kBitFields = 3;
  const uint32_t header = fields.u32(kFileHeader);
  if (header != kCore && (header < kInfo || header > kLargest)) return not_read("header");
  Layout layout;
  const bool is_core = header == kCore;
  layout.width = is_core ? fields.u16(18) : fields.i32(18);
  layout.height = is_core ? fields.u16(20) : fields.i32(22);
  layout.bits = fields.u16(is_core ? 24 : 28);
  const uint32_t compression = is_core ? kPlain : fields.u32(30);
  layout.upwards = layout.height > 0;
  layout.height = std::abs(layout.height);
  if (layout.width <= 0 || layout.height == 0) return damaged("BMP", "no pixels");

  const bool has_palette = layout.bits == 1 || layout.bits == 4 || layout.bits == 8;
  if (!has_palette && layout.bits != 24 && layout.bits != 32) return not_read(fmt::format("{} bits", layout.bits));
  if (compression != kPlain && !(compression == kBitFields && layout.bits == 32)) return not_read("compressed");
  if (has_palette) {
    const size_t most = size_t{1} << layout.bits, used = is_core ? 0 : fields.u32(46);
    layout.colours = used == 0 || used > most ? most : used;
    layout.colour_bytes = is_core ? 3 : 4;
    layout.palette = kFileHeader + header;
  }
  if (compression == kBitFields) {  // the masks follow the first 40 bytes, within longer headers too
    const uint32_t alpha = header >= kWithAlpha ? fields.u32(66) : 0;
    layout.has_alpha = alpha != 0;
    for (size_t i = 0; i < 3; ++i) layout.place[i] = byte_of(fields.u32(54 + 4 * i));
    if (layout.has_alpha) layout.place[3] = byte_of(alpha);
    for (const size_t place : layout.place) {
      if (place > 3) return not_read("masks");
    }
  }
  layout.pixels = fields.u32(10);
  layout.stride = static_cast<size_t>((layout.width * layout.bits + 31) / 32 * 4);
  return layout;
}

/// Row `y` of the picture, counted from its top, in RGB or RGBA.
void read_row(const Fields& fields, const Layout& layout, size_t y, uint8_t* out) {
  const auto height = static_cast<size_t>(layout.height);
  const size_t begin = layout.pixels + (layout.upwards ? height - 1 - y : y) * layout.stride;
  const auto put = [&](size_t at) { *out++ = static_cast<uint8_t>(fields.u8(at)); };
  for (size_t x = 0; x < static_cast<size_t>(layout.width); ++x) {
    if (layout.bits == 32) {
      for (size_t channel = 0; channel < (layout.has_alpha ? 4u : 3u); ++channel)
        put(begin + 4 * x + layout.place[channel]);
    } else if (layout.bits == 24) {
      for (const size_t channel : {2u, 1u, 0u}) put(begin + 3 * x + channel);
    } else {
      const size_t bit = x * layout.bits;
      const uint32_t shift = 8 - layout.bits - static_cast<uint32_t>(bit % 8);
      const size_t index = fields.u8(begin + bit / 8) >> shift & ((1u << layout.bits) - 1);
      const size_t colour = layout.palette + index * layout.colour_bytes;
      for (const size_t channel : {2u, 1u, 0u}) index < layout.colours ? put(colour + channel) : void(*out++ = 0);
    }
  }
}

/// The layout of a file that is as long as it has to be.
std::variant<Layout, DecodeFailure> open(std::span<const std::byte> bytes, int64_t max_pixels) {
  const Fields fields(bytes);
  constexpr size_t kLength = 4;  // of the number that tells the second header's
  if (bytes.size() < kFileHeader + kLength || bytes.size() - kFileHeader < fields.u32(kFileHeader))
    return damaged("BMP", "unexpected end");
  auto read = read_layout(fields);
  if (std::holds_alternative<DecodeFailure>(read)) return read;
  const Layout& layout = std::get<Layout>(read);
  if (auto failure = judge_size("BMP", layout.width, layout.height, max_pixels)) return *std::move(failure);
  if (layout.pixels > bytes.size() ||
      (bytes.size() - layout.pixels) / layout.stride < static_cast<size_t>(layout.height))
    return damaged("BMP", "unexpected end");
  return read;
}

/// Of a row of the picture in RGB or RGBA.
size_t row_bytes(const Layout& layout) { return static_cast<size_t>(layout.width) * (layout.has_alpha ? 4 : 3); }

}  // namespace

Reading read_bmp(std::span<const std::byte> bytes, int64_t max_pixels) {
  const auto opened = open(bytes, max_pixels);
  if (const auto* failure = std::get_if<DecodeFailure>(&opened)) return *failure;
  const Layout& layout = std::get<Layout>(opened);
  const auto height = static_cast<size_t>(layout.height);
  const Fields fields(bytes);
  Stored stored;
  stored.image.width = static_cast<int>(layout.width);
  stored.image.height = static_cast<int>(layout.height);
  const size_t row = row_bytes(layout);
  stored.image.rgb.resize(row * height);
  for (size_t y = 0; y < height; ++y) read_row(fields, layout, y, stored.image.rgb.data() + y * row);
  if (layout.has_alpha) composite_on_white(stored.image.rgb);
  return stored;
}

uint64_t bmp_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels) {
  const auto opened = open(bytes, max_pixels);
  const auto* layout = std::get_if<Layout>(&opened);
  return layout ? row_bytes(*layout) * static_cast<uint64_t>(layout->height) : 0;
}

}  // namespace atelier
