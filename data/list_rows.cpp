#include "data/list_rows.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "data/ascii.h"

namespace atelier {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

Field field_of(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kNames = {"url",    "label", "caption", "condition_url",
                                                             "sha256", "group", "licence", "creator"};
  return static_cast<Field>(std::find(kNames.begin(), kNames.end(), name) - kNames.begin());
}

void set(Entry& entry, Field field, std::string&& value) {
  switch (field) {
    case Field::kUrl:
      entry.url = std::move(value);
      break;
    case Field::kLabel:
      entry.label = std::move(value);
      break;
    case Field::kCaption:
      entry.caption = std::move(value);
      break;
    case Field::kConditionUrl:
      entry.condition_url = std::move(value);
      break;
    case Field::kSha256:
      entry.sha256 = std::move(value);
      break;
    case Field::kGroup:
      entry.group = std::move(value);
      break;
    case Field::kLicence:
      entry.licence = std::move(value);
      break;
    case Field::kCreator:
      entry.creator = std::move(value);
      break;
    case Field::kOther:
      break;
  }
}

/// Line ends stay: in a quoted field they are text.
std::string_view trim(std::string_view text) { return trimmed(text, " \t\r"); }

bool read_url_line(std::string_view line, Entry& entry) {
  line = trim(line);
  if (line.empty() || line.front() == '#') return false;
  entry.url = line;
  return true;
}

/// A field in quotes (RFC 4180): it may hold separators, line ends, and quotes written twice.
std::string read_quoted(std::string_view text, size_t& at) {
  const size_t opening = at++;
  std::string value;
  for (;;) {
    const size_t quote = text.find('"', at);
    if (quote == std::string_view::npos || quote - opening > kMaxRowBytes) {
      throw std::invalid_argument("a quote opens and never closes; write a quote inside a field twice");
    }
    value.append(text, at, quote - at);
    at = quote + 1;
    if (at >= text.size() || text[at] != '"') return value;
    value += '"';
    ++at;
  }
}

/// One field of a table; `at` is left on the separator, on the line's end or at the end of the text.
std::string read_field(std::string_view text, char separator, size_t& at) {
  std::string value;
  const bool quoted = at < text.size() && text[at] == '"';
  if (quoted) value = read_quoted(text, at);
  const size_t begin = at;
  while (at < text.size() && text[at] != separator && text[at] != '\n') ++at;
  std::string_view bare = text.substr(begin, at - begin);
  if (bare.ends_with('\r') && (at == text.size() || text[at] == '\n')) bare.remove_suffix(1);
  if (!quoted) return std::string(bare);
  if (!bare.empty()) {
    throw std::invalid_argument("text follows a closing quote; write a quote inside a field twice");
  }
  return value;
}

/// Calls take(number of the field, value) for each field of the table row at `at`; leaves `at` behind its line end.
template <class Take>
size_t read_fields(std::string_view text, char separator, size_t& at, Take take) {
  for (size_t number = 0;; ++number) {
    take(number, read_field(text, separator, at));
    const bool row_ends = at >= text.size() || text[at] == '\n';
    if (at < text.size()) ++at;
    if (row_ends) return number + 1;
  }
}

/// Takes the known fields of one JSON object as they are parsed, so that no tree is built of a row.
class JsonRow : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonRow(Entry& entry) : entry_(entry) {}

  bool null() override { return take_nothing(); }
  bool boolean(bool) override { return refuse(); }
  bool number_integer(number_integer_t) override { return refuse(); }
  bool number_unsigned(number_unsigned_t) override { return refuse(); }
  bool number_float(number_float_t, const string_t&) override { return refuse(); }
  bool binary(binary_t&) override { return refuse(); }
  bool string(string_t& value) override {
    if (depth_ == 0) return refuse();
    if (depth_ == 1) set(entry_, field_, std::move(value));
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    field_ = field_of(name);
    name_ = std::move(name);
    return true;
  }
  bool start_object(size_t) override {
    if (depth_ > 0) refuse();
    ++depth_;
    return true;
  }
  bool start_array(size_t) override {
    refuse();
    ++depth_;
    return true;
  }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool parse_error(size_t byte, const std::string&, const nlohmann::json::exception&) override {
    throw std::invalid_argument(fmt::format("not valid JSON at column {}; write one object a line", byte));
  }

 private:
  bool take_nothing() const {
    if (depth_ == 0) refuse();
    return true;
  }
  bool refuse() const {
    if (depth_ == 0) throw std::invalid_argument("not a JSON object; write one object a line");
    if (depth_ == 1 && field_ != Field::kOther) {
      throw std::invalid_argument(fmt::format("the field \"{}\" is not text; put its value in quotes", name_));
    }
    return true;
  }

  Entry& entry_;
  int depth_ = 0;
  Field field_ = Field::kOther;
  std::string name_;
};

/// Hands over the texts, numbers and truth values at the top level of one JSON object.
class JsonValues : public nlohmann::json_sax<nlohmann::json> {
 public:
  using Take = std::function<void(std::string_view name, std::string_view value)>;
  explicit JsonValues(const Take& take) : take_(take) {}

  bool null() override { return true; }
  bool boolean(bool value) override { return give(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return give(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return give(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return give(text); }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& value) override { return give(value); }
  bool key(string_t& name) override {
    if (depth_ == 1) name_ = std::move(name);
    return true;
  }
  bool start_object(size_t) override { return ++depth_, true; }
  bool start_array(size_t) override { return ++depth_, true; }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override {
    throw std::invalid_argument("not valid JSON");
  }

 private:
  bool give(std::string_view value) const {
    if (depth_ == 1) take_(name_, value);
    return true;
  }

  const Take& take_;
  int depth_ = 0;
  std::string name_;
};

bool read_json_line(std::string_view line, Entry& entry) {
  if (trim(line).empty()) return false;
  JsonRow row(entry);
  nlohmann::json::sax_parse(line.begin(), line.end(), &row);
  return true;
}

}  // namespace

bool is_list_name(const std::filesystem::path& file) {
  static constexpr std::array<std::string_view, 4> kEndings = {".txt", ".csv", ".tsv", ".jsonl"};
  return std::find(kEndings.begin(), kEndings.end(), file.extension().string()) != kEndings.end();
}

ListRows::ListRows(std::string_view text, const std::filesystem::path& list) : text_(text) {
  if (text_.starts_with(kByteOrderMark)) begin_ = kByteOrderMark.size();
  const std::string extension = list.extension().string();
  if (extension == ".txt") {
    format_ = Format::kText;
    names_ = {"url"};
  } else if (extension == ".jsonl") {
    format_ = Format::kJson;
  } else if (extension == ".csv" || extension == ".tsv") {
    format_ = Format::kTable;
    separator_ = extension == ".csv" ? ',' : '\t';
    read_header();
  } else {
    throw std::invalid_argument(
        "a list ends in .txt (a url a line), .csv, .tsv or .jsonl, or in one of them and .gz or .zst; rename or "
        "convert "
        "it (scripts/parquet_to_list.py reads parquet)");
  }
}

void ListRows::read_header() {
  read_fields(text_, separator_, begin_, [&](size_t, const std::string& name) {
    const Field field = field_of(trim(name));
    if (field != Field::kOther && std::find(columns_.begin(), columns_.end(), field) != columns_.end()) {
      throw std::invalid_argument(fmt::format("the header names the column \"{}\" twice; rename one", name));
    }
    columns_.push_back(field);
    names_.emplace_back(trim(name));
  });
  if (std::all_of(names_.begin(), names_.end(), [](const std::string& name) { return name.empty(); }))
    throw std::invalid_argument("there is no header; a table begins with the names of its columns, such as url,label");
  if (std::find(columns_.begin(), columns_.end(), Field::kUrl) == columns_.end()) {
    throw std::invalid_argument(fmt::format(
        "the header has no column \"url\" but {}; name the column of the image urls \"url\"", fmt::join(names_, ", ")));
  }
}

bool ListRows::read_table_row(size_t offset, Entry& entry, size_t& next) const {
  next = offset;
  const size_t fields = read_fields(text_, separator_, next, [&](size_t number, std::string&& value) {
    if (number < columns_.size()) set(entry, columns_[number], std::move(value));
  });
  if (fields == 1 && trim(text_.substr(offset, next - offset)).find_first_not_of("\r\n") == std::string_view::npos) {
    return false;
  }
  if (fields != columns_.size()) {
    throw std::invalid_argument(
        fmt::format("{} fields where the header has {}; put quotes around a field that holds "
                    "the separator",
                    fields, columns_.size()));
  }
  return true;
}

bool ListRows::read_line(size_t offset, Entry& entry, size_t& next) const {
  const size_t end = std::min(text_.find('\n', offset), text_.size());
  next = std::min(end + 1, text_.size());
  if (end - offset > kMaxRowBytes) throw std::invalid_argument("longer than 1 MiB; a row is one line");
  const std::string_view line = text_.substr(offset, end - offset);
  return format_ == Format::kText ? read_url_line(line, entry) : read_json_line(line, entry);
}

bool ListRows::read(size_t offset, Entry& entry, size_t& next) const {
  entry = {};
  const bool is_row = format_ == Format::kTable ? read_table_row(offset, entry, next) : read_line(offset, entry, next);
  if (is_row) normalize(entry);
  return is_row;
}

void ListRows::each_value(size_t offset, const std::function<void(std::string_view, std::string_view)>& take) const {
  if (format_ == Format::kTable) {
    read_fields(text_, separator_, offset, [&](size_t number, const std::string& value) {
      if (number < names_.size()) take(names_[number], value);
    });
    return;
  }
  const std::string_view line = text_.substr(offset, text_.find('\n', offset) - offset);
  if (format_ == Format::kText) return take(names_.front(), trim(line));
  JsonValues values(take);
  nlohmann::json::sax_parse(line.begin(), line.end(), &values);
}

}  // namespace atelier
