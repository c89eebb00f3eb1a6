#include "images/encode.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <memory>
#include <new>
#include <openssl/evp.h>
#include <png.h>
#include <stdexcept>
#include <turbojpeg.h>

#include "images/formats.h"

namespace atelier {
namespace {

/// What libpng's callbacks are given.
struct Target {
  std::vector<std::byte> bytes;
  char reason[128] = "";  // fixed: it is written between setjmp and longjmp, where nothing may throw
};

void put(png_structp png, png_bytep bytes, size_t count) {
  auto& target = *static_cast<Target*>(png_get_io_ptr(png));
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  try {
    target.bytes.insert(target.bytes.end(), begin, begin + count);
    return;
  } catch (const std::bad_alloc&) {  // must not cross libpng's frames; png_error leaves below, outside the handler
  }
  png_error(png, "out of memory");
}

[[noreturn]] void on_error(png_structp png, png_const_charp reason) {
  auto& target = *static_cast<Target*>(png_get_error_ptr(png));
  std::strncpy(target.reason, reason, sizeof(target.reason) - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

/// libpng's two handles.
struct Png {
  png_structp write = nullptr;
  png_infop info = nullptr;

  explicit Png(Target& target) : write(png_create_write_struct(PNG_LIBPNG_VER_STRING, &target, on_error, on_warning)) {
    if (write) info = png_create_info_struct(write);
    if (!info) {
      png_destroy_write_struct(&write, nullptr);
      throw std::bad_alloc();
    }
    png_set_write_fn(write, &target, put, nullptr);
  }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
  ~Png() { png_destroy_write_struct(&write, &info); }
};

/// tEXt for ASCII, iTXt (UTF-8) for the rest. The chunk points into its arguments.
png_text text_chunk(const std::string& keyword, const std::string& text) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
  png_text chunk{};
  chunk.compression = ascii ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
  chunk.key = const_cast<char*>(keyword.c_str());
  chunk.text = const_cast<char*>(text.c_str());
  chunk.text_length = ascii ? text.size() : 0;
  chunk.itxt_length = ascii ? 0 : text.size();
  return chunk;
}

/// Writes the whole file; false when libpng ended in an error. libpng leaves by longjmp, which runs no destructors:
/// nothing here has one.
bool write_png(const Png& png, const Image& image, std::span<const png_text> chunks) {
  if (setjmp(png_jmpbuf(png.write)) != 0) return false;
  png_set_IHDR(png.write, png.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!chunks.empty()) png_set_text(png.write, png.info, chunks.data(), static_cast<int>(chunks.size()));
  png_write_info(png.write, png.info);
  const size_t stride = static_cast<size_t>(image.width) * 3;
  for (int y = 0; y < image.height; ++y) png_write_row(png.write, image.rgb.data() + static_cast<size_t>(y) * stride);
  png_write_end(png.write, nullptr);
  return true;
}

}  // namespace

std::vector<std::byte> encode_png(const Image& image, const std::map<std::string, std::string>& text) {
  std::vector<png_text> chunks;
  chunks.reserve(text.size());
  for (const auto& [keyword, value] : text) chunks.push_back(text_chunk(keyword, value));
  Target target;
  const Png png(target);
  if (!write_png(png, image, chunks)) {
    throw std::runtime_error(std::string("the picture cannot be written as PNG: ") + target.reason);
  }
  return std::move(target.bytes);
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  const std::unique_ptr<void, FreeWith<tjDestroy>> encoder(tjInitCompress());
  if (!encoder) throw std::bad_alloc();
  unsigned long size = tjBufSize(image.width, image.height, TJSAMP_420);
  std::vector<std::byte> bytes(image.rgb.empty() ? 0 : size);
  auto* buffer = reinterpret_cast<unsigned char*>(bytes.data());
  if (tjCompress2(encoder.get(), image.rgb.data(), image.width, 0, image.height, TJPF_RGB, &buffer, &size, TJSAMP_420,
                  quality, TJFLAG_NOREALLOC) != 0) {
    throw std::runtime_error(std::string("the picture cannot be written as JPEG: ") + tjGetErrorStr2(encoder.get()));
  }
  bytes.resize(size);
  return bytes;
}

void append_base64(std::span<const std::byte> bytes, std::string& out) {
  constexpr size_t kPiece = size_t{3} << 20;  // EVP_EncodeBlock counts in int; a multiple of 3 needs no padding
  size_t end = out.size();
  out.resize(end + (bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPiece, bytes.size()))) {
    const auto piece = bytes.first(std::min(kPiece, bytes.size()));
    // Ends each piece with '\0': in the end that is the string's own.
    end += static_cast<size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + end), as_uint8(piece),
                                               static_cast<int>(piece.size())));
  }
}

}  // namespace atelier
