#include "configs/preset.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>

#include "configs/nearest.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The names of the presets in `folder`, sorted.
std::vector<std::string> presets_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code missing;
  for (const auto& file : fs::directory_iterator(folder, missing)) {
    if (file.path().extension() == ".yaml") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The folder that holds the presets of this program; empty when there is none.
fs::path presets_folder() {
  std::error_code unreadable;
  const fs::path program = fs::read_symlink("/proc/self/exe", unreadable);
  for (fs::path above = program.parent_path(); above.has_relative_path(); above = above.parent_path()) {
    for (const char* place : {"share/atelier/configs", "configs"}) {
      if (!presets_in(above / place).empty()) return above / place;
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> preset_names() { return presets_in(presets_folder()); }

std::string find_config(const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".yaml") || name.ends_with(".yml");
  if (is_path || fs::is_regular_file(name)) return name;
  const fs::path folder = presets_folder();
  const std::vector<std::string> presets = presets_in(folder);
  if (std::find(presets.begin(), presets.end(), name) != presets.end()) return (folder / (name + ".yaml")).string();
  if (presets.empty()) {
    throw std::invalid_argument(fmt::format("flag --config: {} is no file, and no presets are installed", name));
  }
  throw std::invalid_argument(
      fmt::format("flag --config: {} is neither a file nor a preset; did you mean {}?", name, nearest(name, presets)));
}

}  // namespace atelier
