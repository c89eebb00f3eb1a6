#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>
#include <png.h>

#include "images/formats.h"

namespace atelier {
namespace {

/// What libpng's callbacks are given.
struct Source {
  std::span<const std::byte> rest;
  char reason[128] = "";  // fixed: it is written between setjmp and longjmp, where nothing may throw
};

void take(png_structp png, png_bytep target, size_t count) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (count > source.rest.size()) png_error(png, "unexpected end");
  std::memcpy(target, source.rest.data(), count);
  source.rest = source.rest.subspan(count);
}

[[noreturn]] void on_error(png_structp png, png_const_charp reason) {
  auto& source = *static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source.reason, reason, sizeof(source.reason) - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

/// libpng's two handles.
struct Png {
  png_structp read = nullptr;
  png_infop info = nullptr;

  explicit Png(Source& source) : read(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning)) {
    if (read) info = png_create_info_struct(read);
    if (!info) {
      png_destroy_read_struct(&read, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(read, &source, take);
  }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
  ~Png() { png_destroy_read_struct(&read, &info, nullptr); }
};

/// Runs `steps` of libpng; false when it ended in an error. libpng leaves by longjmp, which runs no destructors:
/// `steps` may have only trivial locals, and this frame has none.
template <class Steps>
bool succeeds(png_structp png, const Steps& steps) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  steps();
  return true;
}

/// Reads the header, and has everything become 8-bit RGB or RGBA: palette, few bits and transparent colours expanded,
/// 16 bit rounded.
std::optional<DecodeFailure> open(const Png& png, const Source& source, int64_t max_pixels) {
  // Of the chunks that a picture can do without, only EXIF is read: nobody's text or profile is inflated.
  const bool header_read = succeeds(png.read, [&] {
    png_set_keep_unknown_chunks(png.read, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_keep_unknown_chunks(png.read, PNG_HANDLE_CHUNK_AS_DEFAULT, reinterpret_cast<png_const_bytep>("eXIf"), 1);
    png_set_user_limits(png.read, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // judge_size() is the limit
    png_read_info(png.read, png.info);
  });
  if (!header_read) return damaged("PNG", source.reason);
  const png_uint_32 width = png_get_image_width(png.read, png.info), height = png_get_image_height(png.read, png.info);
  if (auto failure = judge_size("PNG", width, height, max_pixels)) return failure;
  const bool prepared = succeeds(png.read, [&] {
    png_set_expand(png.read);
    png_set_scale_16(png.read);
    png_set_gray_to_rgb(png.read);
    png_set_interlace_handling(png.read);
    png_read_update_info(png.read, png.info);
  });
  if (!prepared) return damaged("PNG", source.reason);
  return std::nullopt;
}

}  // namespace

Reading read_png(std::span<const std::byte> bytes, int64_t max_pixels) {
  Source source{bytes};
  const Png png(source);
  if (auto failure = open(png, source, max_pixels)) return *std::move(failure);

  Stored stored;
  const png_uint_32 width = png_get_image_width(png.read, png.info), height = png_get_image_height(png.read, png.info);
  const size_t stride = png_get_rowbytes(png.read, png.info);
  stored.image.width = static_cast<int>(width);
  stored.image.height = static_cast<int>(height);
  stored.image.rgb.resize(stride * height);
  std::vector<png_bytep> rows(height);
  for (size_t y = 0; y < height; ++y) rows[y] = stored.image.rgb.data() + y * stride;
  const bool pixels_read = succeeds(png.read, [&] {
    png_read_image(png.read, rows.data());
    png_read_end(png.read, png.info);
  });
  if (!pixels_read) return damaged("PNG", source.reason);
  if (png_get_channels(png.read, png.info) == 4) composite_on_white(stored.image.rgb);

  png_uint_32 exif_size = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(png.read, png.info, &exif_size, &exif) == PNG_INFO_eXIf) {
    stored.orientation = orientation_of_block(std::as_bytes(std::span(exif, exif_size)));
  }
  return stored;
}

uint64_t png_decoding_bytes(std::span<const std::byte> bytes, int64_t max_pixels) {
  Source source{bytes};
  const Png png(source);
  if (open(png, source, max_pixels)) return 0;
  return uint64_t{png_get_rowbytes(png.read, png.info)} * png_get_image_height(png.read, png.info);
}

}  // namespace atelier
