#include "data/manifest.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <fmt/format.h>
#include <functional>
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
#include "data/list_index.h"
#include "data/list_places.h"
#include "data/list_rows.h"
#include "data/list_scan.h"
#include "data/mapped_file.h"
#include "data/row_filter.h"
#include "data/row_ranges.h"
#include "data/unpacked_list.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr size_t kIndexedFrom = size_t{16} << 20;  // shorter lists are read in no time

std::invalid_argument error_at(const fs::path& list, std::string_view text, const BadRow& error) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(error.offset), '\n');
  return std::invalid_argument(fmt::format("{}:{}: {}", list.string(), line, error.what()));
}

/// Whether `url` names its scheme (RFC 3986, section 3.1) and authority, and so is no path.
bool has_scheme(std::string_view url) {
  const size_t colon = url.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon), [](unsigned char letter) {
           return std::isalnum(letter) || letter == '+' || letter == '-' || letter == '.';
         });
}

ListRows open_rows(const fs::path& list, const fs::path& text_file, std::string_view text) {
  try {
    return ListRows(text, text_file);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", list.string(), error.what()));
  }
}

/// `progress` of one part of the work, as that of the whole.
std::function<void(double)> part_of(const std::function<void(double)>& progress, double begin, double end) {
  if (!progress) return {};
  return [=](double share) { progress(begin + share * (end - begin)); };
}

/// The index at `place`, if it is that of the list as it is now.
std::optional<ListIndex> known_index(const fs::path& place, const ListPrint& print, const ManifestOptions& options) {
  if (options.verify) return std::nullopt;
  auto known = ListIndex::open(place);
  if (known && !looks_like(print, known->print())) known.reset();
  return known;
}

}  // namespace

struct Manifest::State {
  fs::path list;
  fs::path folder;     // absolute; relative urls are relative to it
  fs::path text_file;  // the list, or what it was unpacked to
  MappedFile file;
  ListRows rows;
  ListIndex index;
  std::vector<uint64_t> used;  // a bit a row; empty: all are

  State(const fs::path& path, const ManifestOptions& options)
      : list(path),
        folder(fs::absolute(path).parent_path()),
        text_file(text_file_of(path, options.verify, part_of(options.progress, 0, 0.5))),
        file(text_file),
        rows(open_rows(path, text_file, file.text())),
        index(open_index({.verify = options.verify,
                          .where = {},
                          .progress = text_file == path ? options.progress : part_of(options.progress, 0.5, 1)})) {
    if (!options.where.empty()) find_used(RowFilter(options.where), options.progress);
  }

  ListIndex open_index(const ManifestOptions& options) const;
  void write_index(ListPrint print, const ManifestOptions& options, const WriteBytes& write) const;
  ListIndex write_index_at(const fs::path& place, const ListPrint& print, const ManifestOptions& options) const;
  Entry row(uint64_t number) const;
  void find_used(const RowFilter& filter, const std::function<void(double)>& progress);
  void check_fields(const RowFilter& filter, const std::set<std::string, std::less<>>& seen) const;
  bool is_used(uint64_t row) const { return used.empty() || (used[row / 64] >> row % 64 & 1) != 0; }
  std::string resolved(const std::string& url) const {
    return has_scheme(url) ? url : (folder / url).lexically_normal().string();
  }
};

/// The list's own index if there is one, else a new one.
ListIndex Manifest::State::open_index(const ManifestOptions& options) const {
  ListPrint print = print_of(text_file, file.text());
  if (file.text().size() >= kIndexedFrom) {
    const std::vector<fs::path> places = places_of(text_file, ".index");
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

ListIndex Manifest::State::write_index_at(const fs::path& place, const ListPrint& print,
                                          const ManifestOptions& options) const {
  const FileLock lock = lock_place(place, [&] {
    if (options.progress) options.progress(0);
  });
  auto known = known_index(place, print, options);
  if (!known) {
    publish_file(place, [&](const WriteBytes& write) { write_index(print, options, write); });
    known = ListIndex::open(place);
  }
  if (!known) throw std::system_error(EIO, std::generic_category(), "cannot read " + place.string());
  return std::move(*known);
}

void Manifest::State::write_index(ListPrint print, const ManifestOptions& options, const WriteBytes& write) const {
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
    if (options.progress) options.progress(static_cast<double>(stretch.end) / static_cast<double>(text.size()));
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

Entry Manifest::State::row(uint64_t number) const {
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

/// Asks the filter about every row, on all cores.
void Manifest::State::find_used(const RowFilter& filter, const std::function<void(double)>& progress) {
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
  try {
    for_each_range(index.size(), ask, progress);
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(fmt::format(
        "{}: a row is not where the list's index has it ({}); set data.verify_list once", list.string(), error.what()));
  }
  check_fields(filter, seen);
  if (count == 0)
    throw std::invalid_argument(list.string() + ": data.where lets no row through; compare it with the list");
  used = std::move(bits);
}

/// A field that no row has is a mistake, even in a condition that would then be true. Nothing is known of no names.
void Manifest::State::check_fields(const RowFilter& filter, const std::set<std::string, std::less<>>& seen) const {
  if (seen.empty()) return;
  for (const std::string& field : filter.fields()) {
    if (seen.contains(field)) continue;
    throw std::invalid_argument(fmt::format("{}: data.where names the field \"{}\", which no row has; did you mean {}?",
                                            list.string(), field, nearest(field, {seen.begin(), seen.end()})));
  }
}

Manifest::Manifest(const fs::path& list, const ManifestOptions& options) try
    : state_(std::make_unique<State>(list, options)) {
} catch (const std::system_error& error) {
  throw std::invalid_argument(fmt::format("{}; check the path of the list", error.what()));
}

Manifest::~Manifest() = default;
Manifest::Manifest(Manifest&&) noexcept = default;
Manifest& Manifest::operator=(Manifest&&) noexcept = default;

const fs::path& Manifest::text_file() const { return state_->text_file; }

uint64_t Manifest::size() const { return state_->index.size(); }

Entry Manifest::entry(uint64_t index) const {
  Entry entry = state_->row(index);
  if (entry.group.empty()) entry.group = entry.url;
  entry.url = state_->resolved(entry.url);
  if (entry.condition_url) entry.condition_url = state_->resolved(*entry.condition_url);
  return entry;
}

const std::vector<std::string>& Manifest::labels() const { return state_->index.labels(); }

int64_t Manifest::label_index(uint64_t index) const { return state_->index.mark(index).label; }

const std::string& Manifest::sha256() const { return state_->index.print().sha256; }

RowSet Manifest::rows() const {
  if (state_->used.empty()) return RowSet::all(size());
  return RowSet::of(size(), [&](uint64_t row) { return state_->is_used(row); });
}

RowSet Manifest::split(double share, bool held_out) const {
  const auto end = static_cast<uint64_t>(std::ceil(std::ldexp(share, 32)));
  return RowSet::of(
      size(), [&](uint64_t row) { return state_->is_used(row) && (state_->index.mark(row).group < end) == held_out; });
}

}  // namespace atelier
