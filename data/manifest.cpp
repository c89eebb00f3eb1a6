#include "data/manifest.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "base/files.h"
#include "data/list_index.h"
#include "data/list_rows.h"
#include "data/list_scan.h"
#include "data/mapped_file.h"
#include "data/url.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr size_t kIndexedFrom = size_t{16} << 20;  // shorter lists are read in no time

std::invalid_argument error_at(const fs::path& list, std::string_view text, const BadRow& error) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(error.offset), '\n');
  return std::invalid_argument(fmt::format("{}:{}: {}", list.string(), line, error.what()));
}

ListRows open_rows(const fs::path& list, std::string_view text) {
  try {
    return ListRows(text, list);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", list.string(), error.what()));
  }
}

/// Where the index of a list may be: beside it, else in the user's cache folder (XDG Base Directory Specification).
std::vector<fs::path> places_of_index(const fs::path& list) {
  std::vector<fs::path> places{list.string() + ".index"};
  fs::path cache;
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder == '/') {
    cache = folder;
  } else if (const char* home = std::getenv("HOME"); home && *home == '/') {
    cache = fs::path(home) / ".cache";
  }
  if (cache.empty()) return places;
  const std::string name = sha256_hex(fs::absolute(list).lexically_normal().string()).substr(0, 16);
  places.push_back(cache / "atelier" / (name + "-" + list.filename().string() + ".index"));
  return places;
}

/// The index at `place`, if it is that of the list as it is now.
std::optional<ListIndex> known_index(const fs::path& place, const ListPrint& print, const ManifestOptions& options) {
  if (options.verify) return std::nullopt;
  auto known = ListIndex::open(place);
  if (known && !looks_like(print, known->print())) known.reset();
  return known;
}

}  // namespace

/// One list.
struct Manifest::List {
  fs::path list;
  fs::path folder;  // absolute; relative urls are relative to it
  MappedFile file;
  ListRows rows;
  ListIndex index;

  List(const fs::path& path, const ManifestOptions& options)
      : list(path),
        folder(fs::absolute(path).parent_path()),
        file(path),
        rows(open_rows(path, file.text())),
        index(open_index(options)) {}

  ListIndex open_index(const ManifestOptions& options) const;
  void write_index(ListPrint print, const ManifestOptions& options, const WriteBytes& write) const;
  ListIndex write_index_at(const fs::path& place, const ListPrint& print, const ManifestOptions& options) const;
  Entry row(uint64_t number) const;
  Entry entry(uint64_t number) const;
  std::string resolved(const std::string& url) const {
    return has_scheme(url) ? url : (folder / url).lexically_normal().string();
  }
};

/// The list's own index if there is one, else a new one.
ListIndex Manifest::List::open_index(const ManifestOptions& options) const {
  ListPrint print = print_of(list, file.text());
  if (file.text().size() >= kIndexedFrom) {
    const std::vector<fs::path> places = places_of_index(list);
    for (const fs::path& place : places) {
      if (auto known = known_index(place, print, options)) return std::move(*known);
    }
    for (const fs::path& place : places) {
      try {
        return write_index_at(place, print, options);
      } catch (const std::system_error&) {
        continue;  // it cannot be written there
      }
    }
  }
  std::string bytes;
  write_index(std::move(print), options, [&](std::string_view piece) { bytes += piece; });
  return ListIndex::in_memory(std::move(bytes));
}

/// Of several processes that need the same index, one writes it and the others wait.
ListIndex Manifest::List::write_index_at(const fs::path& place, const ListPrint& print,
                                         const ManifestOptions& options) const {
  fs::create_directories(fs::absolute(place).parent_path());
  const fs::path lock_file = place.parent_path() / fmt::format(".{}.lock", place.filename().string());
  std::optional<FileLock> lock;
  while (!(lock = FileLock::try_acquire(lock_file))) {
    if (options.progress) options.progress(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  auto known = known_index(place, print, options);
  if (!known) {
    publish_file(place, [&](const WriteBytes& write) { write_index(print, options, write); });
    known = ListIndex::open(place);
  }
  if (!known) throw std::system_error(EIO, std::generic_category(), "cannot read " + place.string());
  return std::move(*known);
}

void Manifest::List::write_index(ListPrint print, const ManifestOptions& options, const WriteBytes& write) const {
  const std::string_view text = file.text();
  const auto bytes = [&](size_t begin, size_t end) {
    return std::as_bytes(std::span(text.substr(begin, end - begin)));
  };
  ListIndexWriter writer(write);
  Sha256 hash;
  hash.update(bytes(0, rows.begin()));
  scan_list(rows, text, [&](const Stretch& stretch) {
    try {
      writer.add(stretch);
    } catch (const std::invalid_argument& error) {
      throw BadRow(stretch.begin, error.what());
    }
    hash.update(bytes(stretch.begin, stretch.end));
    if (options.progress) options.progress(static_cast<double>(stretch.end) / static_cast<double>(text.size()));
  });
  if (writer.rows() == 0) throw std::invalid_argument(list.string() + ": no rows; give the list at least one url");
  print.sha256 = hash.hex();
  writer.finish(print);
}

Entry Manifest::List::row(uint64_t number) const {
  Entry entry;
  size_t next = 0;
  const uint64_t offset = index.mark(number).offset;
  try {
    const std::string_view text = file.text();
    const bool begins_line = offset == rows.begin() || (offset < text.size() && text[offset - 1] == '\n');
    if (offset < text.size() && (begins_line || !rows.is_line_by_line()) && rows.read(offset, entry, next))
      return entry;
  } catch (const std::invalid_argument&) {
  }
  throw std::runtime_error(
      fmt::format("{}: row {} is not where the list's index has it; set data.verify_list once to read the list anew",
                  list.string(), number));
}

Entry Manifest::List::entry(uint64_t number) const {
  Entry entry = row(number);
  if (entry.group.empty()) entry.group = entry.url;
  entry.url = resolved(entry.url);
  if (entry.condition_url) entry.condition_url = resolved(*entry.condition_url);
  return entry;
}

Manifest::Manifest(const fs::path& list, const ManifestOptions& options) try {
  const auto opened = std::make_shared<const List>(list, options);
  labels_ = opened->index.labels();
  sha256_ = opened->index.print().sha256;
  parts_ = {{.list = opened, .begin = 0, .end = opened->index.size(), .labels = {}}};
} catch (const BadRow& error) {
  throw error_at(list, MappedFile(list).text(), error);
} catch (const std::system_error& error) {
  throw std::invalid_argument(fmt::format("{}; check the path of the list", error.what()));
}

Manifest::Manifest(const std::vector<Manifest>& lists) {
  std::set<std::string> labels;
  std::string hashes;
  for (const Manifest& each : lists) {
    labels.insert(each.labels_.begin(), each.labels_.end());
    hashes += each.sha256_ + "\n";
  }
  labels_.assign(labels.begin(), labels.end());
  sha256_ = sha256_hex(hashes);
  for (const Manifest& each : lists) {
    const uint64_t begin = size();
    for (Part part : each.parts_) {
      part.begin += begin;
      part.end += begin;
      part.labels.clear();
      for (const std::string& label : part.list->index.labels())
        part.labels.push_back(std::distance(labels_.begin(), std::ranges::lower_bound(labels_, label)));
      parts_.push_back(std::move(part));
    }
  }
}

const Manifest::Part& Manifest::part_of(uint64_t row) const {
  return *std::ranges::upper_bound(parts_, row, {}, &Part::end);
}

Entry Manifest::entry(uint64_t row) const {
  const Part& part = part_of(row);
  return part.list->entry(row - part.begin);
}

int64_t Manifest::label_index(uint64_t row) const {
  const Part& part = part_of(row);
  const int64_t label = part.list->index.mark(row - part.begin).label;
  return label < 0 || part.labels.empty() ? label : part.labels[static_cast<size_t>(label)];
}

std::vector<uint64_t> Manifest::ends() const {
  std::vector<uint64_t> ends;
  for (const Part& part : parts_) ends.push_back(part.end);
  return ends;
}

RowSet Manifest::split(double share, bool held_out) const {
  const auto end = static_cast<uint64_t>(std::ceil(std::ldexp(share, 32)));
  return RowSet::of(size(), [&](uint64_t row) {
    const Part& part = part_of(row);
    return (part.list->index.mark(row - part.begin).group < end) == held_out;
  });
}

}  // namespace atelier
