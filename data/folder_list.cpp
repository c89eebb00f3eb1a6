#include "data/folder_list.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "configs/utf8.h"
#include "data/ascii.h"
#include "images/endings.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

bool is_image(const fs::path& path) {
  const std::string extension = lower_case(path.extension().string());
  return !extension.empty() && is_image_ending(std::string_view(extension).substr(1));
}

/// The images in one folder, to `images`; the folders in it, to `folders`.
void look_into(const fs::path& folder, std::vector<fs::path>& images, std::vector<fs::path>& folders) {
  std::error_code error, dangling;
  for (auto item = fs::directory_iterator(folder, error); !error && item != fs::end(item); item.increment(error)) {
    if (item->path().filename().string().starts_with('.')) continue;
    if (item->is_directory(dangling) && !item->is_symlink(dangling)) folders.push_back(item->path());
    if (is_image(item->path()) && item->is_regular_file(dangling)) images.push_back(item->path());
  }
  if (error)
    throw std::invalid_argument(fmt::format("cannot read the folder {}: {}; make it readable, or move it elsewhere",
                                            folder.string(), error.message()));
}

/// Relative to the folder, sorted.
std::vector<std::string> images_below(const fs::path& folder, const std::function<void(double)>& progress) {
  const std::string root = (folder / "").string();
  std::vector<fs::path> found, folders = {root};
  while (!folders.empty()) {
    if (progress) progress(0);
    const fs::path next = std::move(folders.back());
    folders.pop_back();
    look_into(next, found, folders);
  }
  std::vector<std::string> images;
  for (const fs::path& image : found) images.push_back(image.string().substr(root.size()));
  std::sort(images.begin(), images.end());
  return images;
}

std::string row_of(const fs::path& folder, const std::string& image) {
  const bool has_control =
      std::any_of(image.begin(), image.end(), [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; });
  if (has_control || find_invalid_utf8(image) != std::string::npos)
    throw std::invalid_argument(
        fmt::format("{}: the name of {} is not UTF-8, or has a control character in it; rename it", folder.string(),
                    nlohmann::json(image).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)));
  if (image.find("#bytes=") != std::string::npos)
    throw std::invalid_argument(
        fmt::format("{}: the name {} would be read as a part of a file, because of its \"#bytes=\"; rename it",
                    folder.string(), image));
  nlohmann::ordered_json row{{"url", image}};
  if (const size_t slash = image.find('/'); slash != std::string::npos) row["label"] = image.substr(0, slash);
  return row.dump() + "\n";
}

}  // namespace

DerivedList list_of_folder(const fs::path& folder, const std::function<void(double)>& progress) {
  std::string text;
  for (const std::string& image : images_below(folder, progress)) text += row_of(folder, image);
  if (text.empty())
    throw std::invalid_argument(
        fmt::format("{} is a folder without an image ({}) and no store of atelier-data pack; name another, "
                    "or its tars as {{000..012}}.tar",
                    folder.string(), image_endings()));
  const fs::path list = keep_list(
      fs::absolute(folder).lexically_normal().string(), text, [&](const WriteBytes& write) { write(text); },
      [&] {
        if (progress) progress(0);
      });
  return {.file = list, .folder = folder};
}

}  // namespace atelier
