#include "data/manifest.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "data/derived_file.h"
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

/// The index at `place`, if it is that of the list as it is now.
std::optional<ListIndex> known_index(const fs::path& place, const ListPrint& print) {
  auto known = ListIndex::open(place);
  if (known && !looks_like(print, known->print())) known.reset();
  return known;
}

}  // namespace

/// One list.
struct Manifest::List {
  fs::path list;
  fs::path folder;  // absolute; relative urls count from it
  MappedFile file;
  ListRows rows;
  ListIndex index;

  List(const fs::path& path, const ManifestOptions& options)
      : list(path),
        folder(options.folder.empty() ? fs::absolute(path).parent_path() : fs::absolute(options.folder)),
        file(path),
        rows(open_rows(path, file.text())),
        index(open_index(options)) {}

  ListIndex open_index(const ManifestOptions& options) const;
  void write_index(ListPrint print, const ManifestOptions& options, const WriteBytes& write) const;
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
    auto found = find_or_make(
        places_of(list, ".index"), options.verify, [&](const fs::path& place) { return known_index(place, print); },
        [&](const fs::path& place) {
          publish_file(place, [&](const WriteBytes& write) { write_index(print, options, write); });
        },
        [&] {
          if (options.progress) options.progress(0);
        });
    if (found) return std::move(*found);
  }
  std::string bytes;
  write_index(std::move(print), options, [&](std::string_view piece) { bytes += piece; });
  return ListIndex::in_memory(std::move(bytes));
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

const fs::path& Manifest::path() const { return parts_.front().list->list; }

std::string_view Manifest::text() const { return parts_.front().list->file.text(); }

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
