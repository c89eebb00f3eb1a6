#include "data/tar_list.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/braces.h"
#include "data/tar_indexing.h"
#include "data/url.h"
#include "images/endings.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

/// Whether the file that `name` names ends so, in any case; a url's query does not count.
bool ends_in(std::string name, std::string_view ending) {
  if (has_scheme(name) && !name.starts_with(kS3Scheme)) name.resize(std::min(name.find_first_of("?#"), name.size()));
  if (name.size() < ending.size()) return false;
  return std::equal(ending.begin(), ending.end(), name.end() - static_cast<std::ptrdiff_t>(ending.size()),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

bool is_compressed(const std::string& name) {
  constexpr std::array<std::string_view, 6> kEndings = {".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) { return ends_in(name, ending); });
}

/// A row of a tar's index as a row of a list.
std::string row_of(const std::string& name, const nlohmann::json& indexed) {
  nlohmann::ordered_json row;
  for (const auto& [key, value] : indexed.items()) {
    if (key == "bytes" || key == "condition") {
      row[key == "bytes" ? "url" : "condition_url"] = name + "#bytes=" + value.get<std::string>();
    } else {
      row[key] = value;
    }
  }
  return row.dump() + "\n";
}

void write_rows(const std::string& name, const std::string& rows, const WriteBytes& write) {
  std::string text;
  for (std::string_view rest = rows; !rest.empty();) {
    const size_t line = rest.find('\n');
    text += row_of(name, nlohmann::json::parse(rest.substr(0, line)));
    rest.remove_prefix(line + 1);
  }
  write(text);
}

std::string warning_of(const Tars& tars, const std::vector<IndexedTar>& indexed) {
  uint64_t without_image = 0, unreadable = 0;
  std::string example;
  for (size_t i = 0; i < indexed.size(); ++i) {
    const TarIndex& index = indexed[i].index;
    without_image += index.without_image;
    if (unreadable == 0 && index.unreadable > 0)
      example = fmt::format(", the first in {} {}", tars.names[i], index.example);
    unreadable += index.unreadable;
  }
  if (without_image + unreadable == 0) return {};
  return fmt::format("{}: samples left out: {} without an image, {} whose .cls, .txt or .json cannot be read{}",
                     tars.pattern, without_image, unreadable, example);
}

}  // namespace

Tars tars_of(const std::string& list) {
  std::error_code ignored;
  const bool is_file = !has_scheme(list) && fs::exists(list, ignored);
  Tars tars{.pattern = list, .folder = {}, .names = is_file ? std::vector{list} : expand_braces(list)};
  for (const std::string& name : tars.names) {
    if (is_compressed(name))
      throw std::invalid_argument(
          fmt::format("{} is compressed; unpack it to a plain .tar, as parts are read by their place", name));
  }
  const auto is_tar = [](const std::string& name) { return ends_in(name, ".tar"); };
  if (std::none_of(tars.names.begin(), tars.names.end(), is_tar)) return {};
  if (const auto other = std::find_if_not(tars.names.begin(), tars.names.end(), is_tar); other != tars.names.end())
    throw std::invalid_argument(fmt::format("{}: {} is no .tar as the others are; name tars only", list, *other));

  const std::string before = list.substr(0, is_file ? std::string::npos : list.find('{'));
  const size_t slash = before.rfind('/');
  if (has_scheme(list)) return tars;
  tars.folder = slash == std::string::npos ? "." : before.substr(0, slash + 1);
  if (slash != std::string::npos) {
    for (std::string& name : tars.names) name.erase(0, slash + 1);
  }
  return tars;
}

DerivedList list_of_tars(const Tars& tars, const DataConfig& data, const std::function<void(double)>& progress) {
  const std::vector<IndexedTar> indexed = index_tars(tars, data, progress);
  uint64_t samples = 0;
  std::string version = "atelier tar list 1\n";
  for (size_t i = 0; i < indexed.size(); ++i) {
    samples += indexed[i].index.samples;
    version += tars.names[i] + "\n" + indexed[i].index.sha256 + "\n";
  }
  const std::string warning = warning_of(tars, indexed);
  if (samples == 0)
    throw std::invalid_argument(
        fmt::format("{}: no sample with an image ({})", warning.empty() ? tars.pattern : warning, image_endings()));

  const auto fill = [&](const WriteBytes& write) {
    for (size_t i = 0; i < indexed.size(); ++i) {
      if (progress) progress(1);
      std::string rows;
      const auto index = open_tar_index(indexed[i].place, indexed[i].index.tar, &rows);
      if (!index || index->sha256 != indexed[i].index.sha256)
        throw std::runtime_error(fmt::format("{} changes while it is read; start again", tars.names[i]));
      write_rows(tars.names[i], rows, write);
    }
  };
  const std::string origin =
      has_scheme(tars.pattern) ? tars.pattern : fs::absolute(tars.pattern).lexically_normal().string();
  return {.file = keep_list(origin, version, fill,
                            [&] {
                              if (progress) progress(1);
                            }),
          .folder = tars.folder,
          .warning = warning};
}

}  // namespace atelier
