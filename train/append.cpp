#include "train/append.h"

#include <fmt/format.h>
#include <fstream>
#include <stdexcept>

namespace atelier {

namespace fs = std::filesystem;

void append_whole(const fs::path& path, std::string_view bytes) {
  const uintmax_t before = fs::exists(path) ? fs::file_size(path) : 0;
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << bytes;
  file.close();
  if (file) return;
  std::error_code ignored;  // the first error is the one worth reporting
  fs::resize_file(path, before, ignored);
  throw std::runtime_error(fmt::format("Cannot write {}: is the disk full?", path.string()));
}

}  // namespace atelier
