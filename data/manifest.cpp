#include "data/manifest.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "configs/nearest.h"
#include "data/derived_file.h"
#include "data/list_index.h"
#include "data/list_rows.h"
#include "data/list_scan.h"
#include "data/mapped_file.h"
#include "data/row_filter.h"
#include "data/row_ranges.h"
#include "data/unpacked_list.h"
#include "data/url.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr size_t kIndexedFrom = size_t{16} << 20;  // shorter lists are read in no time

std::invalid_argument error_at(const fs::path& list, std::string_view text, const BadRow& error) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(error.offset), '\n');
  return std::invalid_argument(fmt::format("{}:{}: {}", list.string(), line, error.what()));
}

ListRows open_rows(const fs::path& list, const fs::path& text_file, std::string_view text) {
  try {
    return ListRows(text, text_file);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", list.string(), error.what()));
  }
}

/// `progress` of one part of the work, as that of the whole.
std::function<void(double)> between(const std::function<void(double)>& progress, double begin, double end) {
  if (!progress) return {};
  return [=](double share) { progress(begin + share * (end - begin)); };
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
  fs::path folder;     // absolute; relative urls count from it
  fs::path text_file;  // the list, or what it was unpacked to
  MappedFile file;
  ListRows rows;
  ListIndex index;
  std::vector<uint64_t> used;  // a bit a row; empty: all are

  List(const fs::path& path, const ManifestOptions& options)
      : list(path),
        folder(options.folder.empty() ? fs::absolute(path).parent_path() : fs::absolute(options.folder)),
        text_file(text_file_of(path, options.verify, between(options.progress, 0, 0.5))),
        file(text_file),
        rows(open_rows(path, text_file, file.text())),
        index(open_index(options.verify, text_file == path ? options.progress : between(options.progress, 0.5, 1))) {
    if (!options.where.empty()) find_used(RowFilter(options.where), options.progress);
  }

  using Progress = std::function<void(double share)>;
  ListIndex open_index(bool anew, const Progress& progress) const;
  void write_index(ListPrint print, const Progress& progress, const WriteBytes& write) const;
  Entry row(uint64_t number) const;
  Entry entry(uint64_t number) const;
  void find_used(const RowFilter& filter, const Progress& progress);
  void for_each_row_range(const std::function<void(uint64_t begin, uint64_t end)>& read,
                          const Progress& progress = {}) const;
  void check_fields(const RowFilter& filter, const std::set<std::string, std::less<>>& seen) const;
  bool is_used(uint64_t row) const { return used.empty() || (used[row / 64] >> row % 64 & 1) != 0; }
  std::string resolved(const std::string& url) const {
    return has_scheme(url) ? url : (folder / url).lexically_normal().string();
  }
};

/// The list's own index if there is one, else a new one.
ListIndex Manifest::List::open_index(bool anew, const Progress& progress) const {
  ListPrint print = print_of(text_file, file.text());
  if (file.text().size() >= kIndexedFrom) {
    auto found = find_or_make(
        places_of(text_file, ".index"), anew, [&](const fs::path& place) { return known_index(place, print); },
        [&](const fs::path& place) {
          publish_file(place, [&](const WriteBytes& write) { write_index(print, progress, write); });
        },
        [&] {
          if (progress) progress(0);
        });
    if (found) return std::move(*found);
  }
  std::string bytes;
  write_index(std::move(print), progress, [&](std::string_view piece) { bytes += piece; });
  return ListIndex::in_memory(std::move(bytes));
}

void Manifest::List::write_index(ListPrint print, const Progress& progress, const WriteBytes& write) const {
  const std::string_view text = file.text();
  const auto bytes = [&](size_t begin, size_t end) {
    return std::as_bytes(std::span(text.substr(begin, end - begin)));
  };
  ListIndexWriter writer(write);
  Sha256 hash;
  hash.update(bytes(0, rows.begin()));
  const auto take = [&](const Stretch& stretch) {
    try {
      writer.add(stretch);
    } catch (const std::invalid_argument& error) {
      throw BadRow(stretch.begin, error.what());
    }
    hash.update(bytes(stretch.begin, stretch.end));
    if (progress) progress(static_cast<double>(stretch.end) / static_cast<double>(text.size()));
  };
  try {
    scan_list(rows, text, take);
  } catch (const BadRow& error) {
    throw error_at(list, text, error);
  }
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

/// Asks the filter about every row, on all cores.
void Manifest::List::find_used(const RowFilter& filter, const Progress& progress) {
  check_fields(filter, {rows.names().begin(), rows.names().end()});
  std::vector<uint64_t> bits(index.size() / 64 + 1);
  std::set<std::string, std::less<>> seen;
  std::mutex mutex;  // guards seen and count
  uint64_t count = 0;
  const auto ask = [&](uint64_t begin, uint64_t end) {
    std::set<std::string, std::less<>> names;
    uint64_t found = 0;
    for (uint64_t number = begin; number < end; ++number) {
      const bool matches = filter.matches(rows, index.mark(number).offset, names);
      bits[number / 64] |= uint64_t{matches} << number % 64;
      found += matches ? 1 : 0;
    }
    const std::lock_guard lock(mutex);
    seen.merge(names);
    count += found;
  };
  for_each_row_range(ask, progress);
  check_fields(filter, seen);
  if (count == 0)
    throw std::invalid_argument(list.string() + ": data.where lets no row through; compare it with the list");
  used = std::move(bits);
}

/// Calls `read` for ranges of rows, on all cores.
void Manifest::List::for_each_row_range(const std::function<void(uint64_t, uint64_t)>& read,
                                        const Progress& progress) const {
  try {
    for_each_range(index.size(), read, progress);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(fmt::format(
        "{}: a row is not where the list's index has it ({}); set data.verify_list once", list.string(), error.what()));
  }
}

/// A field that no row has is a mistake, even in a condition that would then be true. Nothing is known of no names.
void Manifest::List::check_fields(const RowFilter& filter, const std::set<std::string, std::less<>>& seen) const {
  if (seen.empty()) return;
  for (const std::string& field : filter.fields()) {
    if (seen.contains(field)) continue;
    throw std::invalid_argument(fmt::format("{}: data.where names the field \"{}\", which no row has; did you mean {}?",
                                            list.string(), field, nearest(field, {seen.begin(), seen.end()})));
  }
}

Manifest::Manifest(const fs::path& list, const ManifestOptions& options) try {
  const auto opened = std::make_shared<const List>(list, options);
  labels_ = opened->index.labels();
  sha256_ = opened->index.print().sha256;
  parts_ = {{.list = opened, .begin = 0, .end = opened->index.size(), .labels = {}}};
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

const fs::path& Manifest::text_file() const { return parts_.front().list->text_file; }

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

void Manifest::read_fields(const std::vector<std::string>& fields,
                           const std::function<void(uint64_t, const std::vector<std::string>&)>& take,
                           const std::function<void(double)>& progress) const {
  for (const Part& part : parts_) {
    const auto read = [&](uint64_t begin, uint64_t end) {
      std::vector<std::string> values(fields.size());
      for (uint64_t number = begin; number < end; ++number) {
        std::ranges::fill(values, std::string());
        part.list->rows.each_value(part.list->index.mark(number).offset,
                                   [&](std::string_view name, std::string_view value) {
                                     const auto wanted = std::ranges::find(fields, name);
                                     if (wanted != fields.end())
                                       values[static_cast<size_t>(wanted - fields.begin())] = value;
                                   });
        take(part.begin + number, values);
      }
    };
    part.list->for_each_row_range(read, [&](double share) {
      const double rows = static_cast<double>(part.begin) + share * static_cast<double>(part.end - part.begin);
      if (progress) progress(rows / static_cast<double>(size()));
    });
  }
}

std::vector<uint64_t> Manifest::ends() const {
  std::vector<uint64_t> ends;
  for (const Part& part : parts_) ends.push_back(part.end);
  return ends;
}

RowSet Manifest::rows() const {
  const auto has_filter = [](const Part& part) { return !part.list->used.empty(); };
  if (std::ranges::none_of(parts_, has_filter)) return RowSet::all(size());
  return RowSet::of(size(), [&](uint64_t row) {
    const Part& part = part_of(row);
    return part.list->is_used(row - part.begin);
  });
}

RowSet Manifest::split(double share, bool held_out) const {
  const auto end = static_cast<uint64_t>(std::ceil(std::ldexp(share, 32)));
  return RowSet::of(size(), [&](uint64_t row) {
    const Part& part = part_of(row);
    const uint64_t own = row - part.begin;
    return part.list->is_used(own) && (part.list->index.mark(own).group < end) == held_out;
  });
}

}  // namespace atelier
