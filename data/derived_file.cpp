#include "data/derived_file.h"

#include <cstdlib>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace atelier {
namespace fs = std::filesystem;

fs::path cache_folder() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder == '/') return fs::path(folder) / "atelier";
  if (const char* home = std::getenv("HOME"); home && *home == '/') return fs::path(home) / ".cache" / "atelier";
  return {};
}

std::optional<fs::path> place_in_cache(const std::string& origin, const std::string& ending) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return std::nullopt;
  return folder / (sha256_hex(origin).substr(0, 16) + ending);
}

std::vector<fs::path> places_of(const fs::path& file, const std::string& ending) {
  std::vector<fs::path> places{file.string() + ending};
  const std::string origin = fs::absolute(file).lexically_normal().string();
  if (auto place = place_in_cache(origin, fmt::format("-{}{}", file.filename().string(), ending)))
    places.push_back(std::move(*place));
  return places;
}

FileLock lock_beside(const fs::path& place, const std::function<void()>& waiting) {
  fs::create_directories(fs::absolute(place).parent_path());
  const fs::path file = place.parent_path() / fmt::format(".{}.lock", place.filename().string());
  for (;;) {
    if (auto lock = FileLock::try_acquire(file)) return std::move(*lock);
    waiting();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

namespace {

/// Lists of `origin` but the newest, with what was made for them: those that nobody can be about to open, or to write.
/// A program that has one open keeps it.
void remove_other_versions(const fs::path& newest, const std::string& of_origin) {
  constexpr auto kSpared = std::chrono::hours(1);
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(newest.parent_path(), ignored)) {
    const std::string name = item.path().filename().string();
    const bool is_of_origin = std::string_view(name).substr(name.starts_with('.')).starts_with(of_origin);
    const bool is_old = fs::file_time_type::clock::now() - item.last_write_time(ignored) > kSpared;
    if (is_of_origin && is_old && !name.ends_with(".lock") && name.find(newest.stem().string()) == std::string::npos)
      fs::remove(item.path(), ignored);
  }
}

}  // namespace

fs::path keep_list(const std::string& origin, const std::string& version,
                   const std::function<void(const WriteBytes&)>& fill, const std::function<void()>& waiting) try {
  const auto stem = place_in_cache(origin, "-list-");
  if (!stem)
    throw std::invalid_argument(fmt::format("{}: its list has no place; set XDG_CACHE_HOME to a folder", origin));
  const fs::path list = fmt::format("{}{}.jsonl", stem->string(), sha256_hex(version).substr(0, 16));
  if (fs::exists(list)) return list;
  const FileLock lock = lock_beside(*stem, waiting);
  if (!fs::exists(list)) publish_file(list, fill);
  remove_other_versions(list, stem->filename().string());
  return list;
} catch (const std::system_error& error) {
  throw std::invalid_argument(fmt::format("{}; set XDG_CACHE_HOME to a folder that can be written", error.what()));
}

}  // namespace atelier
