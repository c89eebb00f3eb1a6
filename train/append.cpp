#include "train/append.h"

#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/files.h"

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

void cut_lines(const fs::path& path, uint64_t position) {
  if (!fs::exists(path)) return;
  std::istringstream lines(read_file(path));
  std::string kept, line;
  while (std::getline(lines, line)) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (entry.is_object() && entry.contains("position") && entry["position"] <= position) kept += line + "\n";
  }
  publish_file(path, kept);
}

nlohmann::json last_line(const fs::path& path, std::string_view kind) {
  if (!fs::exists(path)) return nullptr;
  std::istringstream lines(read_file(path));
  nlohmann::json last;
  for (std::string line; std::getline(lines, line);) {
    auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (entry.is_object() && entry.contains("kind") && entry["kind"] == kind) last = std::move(entry);
  }
  return last;
}

}  // namespace atelier
