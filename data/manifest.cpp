#include "data/manifest.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <span>
#include <stdexcept>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/files.h"
#include "base/random.h"
#include "data/list_rows.h"
#include "data/mapped_file.h"
#include "data/utf8.h"

namespace atelier {
namespace {

std::invalid_argument error_at(const std::filesystem::path& list, std::string_view text, size_t offset,
                               std::string_view clause) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
  return std::invalid_argument(fmt::format("{}:{}: {}", list.string(), line, clause));
}

/// Whether `url` names its scheme (RFC 3986, section 3.1) and authority, and so is no path.
bool has_scheme(std::string_view url) {
  const size_t colon = url.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon), [](unsigned char letter) {
           return std::isalnum(letter) || letter == '+' || letter == '-' || letter == '.';
         });
}

void check_url(std::string_view url) {
  const auto is_control = [](char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f; };
  if (std::any_of(url.begin(), url.end(), is_control)) {
    throw std::invalid_argument("a control character in the url; write it percent-encoded");
  }
}

void check_sha256(std::string& digits) {
  for (char& digit : digits) {
    if (digit >= 'A' && digit <= 'F') digit = static_cast<char>(digit - 'A' + 'a');
  }
  if (digits.size() != 64 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw std::invalid_argument("sha256 is not 64 hexadecimal digits; correct it or leave it out");
  }
}

/// What every row must hold, whatever the format. Empty optional fields become absent ones.
void check(Entry& entry) {
  for (std::optional<std::string>* field : {&entry.label, &entry.condition_url, &entry.sha256}) {
    if (*field && (*field)->empty()) field->reset();
  }
  if (entry.url.empty()) throw std::invalid_argument("no url; give every row one, or take the row out");
  check_url(entry.url);
  if (entry.condition_url) check_url(*entry.condition_url);
  if (entry.sha256) check_sha256(*entry.sha256);
}

/// The rows of a list that is text at all.
ListRows open_rows(const std::filesystem::path& list, std::string_view text) {
  if (const size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    throw error_at(list, text, bad, "not UTF-8; save the list as UTF-8");
  }
  try {
    return ListRows(text, list);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", list.string(), error.what()));
  }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): names a group by a number on every machine.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return hash;
}

}  // namespace

struct Manifest::State {
  std::filesystem::path list;
  std::filesystem::path folder;  // absolute; relative urls are relative to it
  MappedFile file;
  ListRows rows;
  std::vector<uint64_t> offsets;   // of row i
  std::vector<int32_t> label_ids;  // of row i; -1: none
  std::vector<std::string> labels;
  std::string sha256;

  explicit State(const std::filesystem::path& path)
      : list(path),
        folder(std::filesystem::absolute(path).parent_path()),
        file(path),
        rows(open_rows(path, file.text())) {}

  void read_rows();
  void sort_labels(std::unordered_map<std::string, int32_t> found);
  Entry row(uint64_t index) const;
  std::string resolved(const std::string& url) const {
    return has_scheme(url) ? url : (folder / url).lexically_normal().string();
  }
};

void Manifest::State::read_rows() {
  const std::string_view text = file.text();
  std::unordered_map<std::string, int32_t> found;
  Entry entry;
  for (size_t offset = rows.begin(), next = 0; offset < text.size(); offset = next) {
    try {
      if (!rows.read(offset, entry, next)) continue;
      check(entry);
    } catch (const std::invalid_argument& error) {
      throw error_at(list, text, offset, error.what());
    }
    offsets.push_back(offset);
    label_ids.push_back(-1);
    if (!entry.label) continue;
    label_ids.back() = found.try_emplace(std::move(*entry.label), static_cast<int32_t>(found.size())).first->second;
  }
  if (offsets.empty()) throw std::invalid_argument(list.string() + ": no rows; give the list at least one url");
  sort_labels(std::move(found));
}

void Manifest::State::sort_labels(std::unordered_map<std::string, int32_t> found) {
  for (const auto& [label, id] : found) labels.push_back(label);
  std::sort(labels.begin(), labels.end());
  std::vector<int32_t> sorted_id(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) sorted_id[static_cast<size_t>(found[labels[i]])] = static_cast<int32_t>(i);
  for (int32_t& id : label_ids) {
    if (id >= 0) id = sorted_id[static_cast<size_t>(id)];
  }
}

Entry Manifest::State::row(uint64_t index) const {
  Entry entry;
  size_t next = 0;
  rows.read(offsets.at(index), entry, next);
  check(entry);
  return entry;
}

Manifest::Manifest(const std::filesystem::path& list) try : state_(std::make_unique<State>(list)) {
  state_->read_rows();
  state_->sha256 = sha256_hex(std::as_bytes(std::span(state_->file.text())));
} catch (const std::system_error& error) {
  throw std::invalid_argument(fmt::format("{}; check the path of the list", error.what()));
}

Manifest::~Manifest() = default;
Manifest::Manifest(Manifest&&) noexcept = default;
Manifest& Manifest::operator=(Manifest&&) noexcept = default;

uint64_t Manifest::size() const { return state_->offsets.size(); }

Entry Manifest::entry(uint64_t index) const {
  Entry entry = state_->row(index);
  if (entry.group.empty()) entry.group = entry.url;
  entry.url = state_->resolved(entry.url);
  if (entry.condition_url) entry.condition_url = state_->resolved(*entry.condition_url);
  return entry;
}

const std::vector<std::string>& Manifest::labels() const { return state_->labels; }

int64_t Manifest::label_index(uint64_t index) const { return state_->label_ids.at(index); }

const std::string& Manifest::sha256() const { return state_->sha256; }

std::vector<uint64_t> Manifest::split(double share, bool held_out) const {
  std::vector<uint64_t> rows;
  for (uint64_t index = 0; index < size(); ++index) {
    const Entry entry = state_->row(index);
    const uint64_t group = hash_of(entry.group.empty() ? entry.url : entry.group);
    const bool is_held_out = random_uniform(0, group, Purpose::kHeldOut) < share;
    if (is_held_out == held_out) rows.push_back(index);
  }
  return rows;
}

}  // namespace atelier
