#include "inference/save.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <stdexcept>
#include <unistd.h>

#include "base/files.h"
#include "images/encode.h"
#include "images/transform.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr int kLeastCellSide = 256;
constexpr int kCaptionHeight = 14;
constexpr size_t kLongestRow = 10;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string file_stem(const nlohmann::ordered_json& record) {
  std::string name = record["label"].is_string() ? record["label"].get<std::string>() : "design";
  const auto is_awkward = [](unsigned char c) { return c < 0x80 && !std::isalnum(c) && c != '_'; };
  std::replace_if(name.begin(), name.end(), is_awkward, '-');
  constexpr size_t kLongest = 100;  // file systems take 255 bytes
  if (name.size() > kLongest) {
    name.resize(kLongest);
    while (!name.empty() && static_cast<unsigned char>(name.back()) >= 0x80) name.pop_back();  // no half characters
  }
  return fmt::format("{}-{}", name, record["seed"].get<uint64_t>());
}

bool holds(const fs::path& file, std::span<const std::byte> bytes) {
  return fs::is_regular_file(file) && fs::file_size(file) == bytes.size() && read_file(file) == as_text(bytes);
}

/// The first of NAME.png, NAME-2.png, ... that is free or holds `bytes` already.
fs::path place_for(const fs::path& folder, const std::string& stem, std::span<const std::byte> bytes) {
  fs::path file = folder / (stem + ".png");
  for (int number = 2; fs::exists(file) && !holds(file, bytes); ++number)
    file = folder / fmt::format("{}-{}.png", stem, number);
  return file;
}

Image framed(const Image& picture, const std::string& caption) {
  const int factor = std::max(1, (kLeastCellSide + picture.width - 1) / picture.width);
  Image cell = enlarge(picture, factor);
  const int top = cell.height + 4;
  cell.height += 2 * kCaptionHeight;
  cell.rgb.resize(static_cast<size_t>(cell.width) * static_cast<size_t>(cell.height) * 3, 255);
  draw_text(cell, caption, 4, top, kCaptionHeight);
  return cell;
}

}  // namespace

void check_folder(const fs::path& folder) {
  fs::path existing = fs::absolute(folder);
  while (!fs::exists(existing) && existing.has_relative_path()) existing = existing.parent_path();
  if (!fs::is_directory(existing))
    throw std::invalid_argument(
        fmt::format("Nothing can be written to {}: {} is not a folder.", folder.string(), existing.string()));
  if (::access(existing.c_str(), W_OK | X_OK) != 0)
    throw std::invalid_argument(
        fmt::format("Nothing can be written to {}: there is no permission in {}.", folder.string(), existing.string()));
}

void check_png_file(const fs::path& file) {
  if (file.extension() != ".png")
    throw std::invalid_argument(
        fmt::format("The contact sheet cannot be {}: it is a PNG file, so name it .png.", file.string()));
  if (fs::is_directory(file))
    throw std::invalid_argument(fmt::format("The contact sheet cannot be {}: that is a folder.", file.string()));
  check_folder(fs::absolute(file).parent_path());
}

std::vector<fs::path> save_variations(const fs::path& folder, std::span<const Variation> variations) {
  fs::create_directories(folder);
  std::vector<fs::path> files;
  for (const Variation& variation : variations) {
    files.push_back(place_for(folder, file_stem(variation.record), variation.png));
    if (!fs::exists(files.back())) publish_file(files.back(), as_text(variation.png));
  }
  return files;
}

Image contact_sheet_of(std::span<const Answered> requests) {
  size_t columns = 1;
  for (const Answered& request : requests)
    columns = std::max(columns, request.material.size() + request.variations.size());
  if (requests.size() == 1 && columns > kLongestRow) columns = static_cast<size_t>(std::ceil(std::sqrt(columns)));

  std::vector<Image> cells;
  for (const Answered& request : requests) {
    for (const Image& input : request.material) cells.push_back(framed(input, "input"));
    for (const Variation& variation : request.variations)
      cells.push_back(framed(variation.image, fmt::format("seed {}", variation.record["seed"].get<uint64_t>())));
    while (cells.size() % columns != 0) cells.emplace_back(cells.front().width, cells.front().height);
  }
  return contact_sheet(cells, static_cast<int>(columns));
}

}  // namespace atelier
