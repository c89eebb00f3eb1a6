#include "data/list_places.h"

#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <thread>

namespace atelier {
namespace fs = std::filesystem;

std::vector<fs::path> places_of(const fs::path& list, std::string_view ending) {
  std::vector<fs::path> places{fmt::format("{}{}", list.string(), ending)};
  fs::path cache;
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder == '/') {
    cache = folder;
  } else if (const char* home = std::getenv("HOME"); home && *home == '/') {
    cache = fs::path(home) / ".cache";
  }
  if (cache.empty()) return places;
  const std::string name = sha256_hex(fs::absolute(list).lexically_normal().string()).substr(0, 16);
  places.push_back(cache / "atelier" / fmt::format("{}-{}{}", name, list.filename().string(), ending));
  return places;
}

FileLock lock_place(const fs::path& place, const std::function<void()>& waiting) {
  const fs::path folder = fs::absolute(place).parent_path();
  fs::create_directories(folder);
  const fs::path lock_file = folder / fmt::format(".{}.lock", place.filename().string());
  for (;;) {
    if (auto lock = FileLock::try_acquire(lock_file)) return std::move(*lock);
    waiting();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace atelier
