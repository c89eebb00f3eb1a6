#include <algorithm>
#include <libexif/exif-data.h>
#include <memory>
#include <new>

#include "images/formats.h"

namespace atelier {
namespace {

constexpr std::string_view kHeader("Exif\0\0", 6);

}  // namespace

int orientation_of_jpeg(std::span<const std::byte> file) {
  const std::unique_ptr<ExifData, FreeWith<exif_data_unref>> exif(exif_data_new());
  if (!exif) throw std::bad_alloc();
  exif_data_unset_option(exif.get(), EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);  // read, do not repair
  exif_data_load_data(exif.get(), as_uint8(file), static_cast<unsigned>(file.size()));
  const ExifEntry* entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->components < 1 || entry->size < 2) return 1;
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(exif.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

int orientation_of_block(std::span<const std::byte> block) {
  // libexif takes a JPEG file, or a block with the header that JPEG puts before it and PNG and WebP leave out.
  const auto header = std::as_bytes(std::span(kHeader));
  if (block.size() >= header.size() && std::equal(header.begin(), header.end(), block.begin())) {
    return orientation_of_jpeg(block);
  }
  std::vector<std::byte> whole(header.begin(), header.end());
  whole.insert(whole.end(), block.begin(), block.end());
  return orientation_of_jpeg(whole);
}

}  // namespace atelier
