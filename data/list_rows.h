#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/entry.h"

namespace atelier {

/// A row longer than this is a damaged file, such as one with a quote that never closes.
inline constexpr size_t kMaxRowBytes = size_t{1} << 20;

/// Whether a file's name ends as that of a list's text does: .txt, .csv, .tsv or .jsonl.
bool is_list_name(const std::filesystem::path& file);

/// What a column or a key of a list means. kOther is carried by the list and read by nobody.
enum class Field { kUrl, kLabel, kCaption, kConditionUrl, kSha256, kGroup, kLicence, kCreator, kOther };

/// The rows of one list's text, one by one from any offset: txt, csv, tsv or jsonl. Fields come out normalised
/// (entry.h), and empty where the list gives none.
///
/// Errors: std::invalid_argument with a clause that says what is wrong and what to do; the caller adds file and line.
/// Reading is const and may be done from any number of threads.
class ListRows {
 public:
  /// Throws for an extension other than .txt, .csv, .tsv and .jsonl, and for a header row without the column `url`.
  ///   text  the whole file; must outlive this
  ListRows(std::string_view text, const std::filesystem::path& list);

  /// Where the first row may begin: behind the byte order mark and the header row.
  size_t begin() const { return begin_; }

  /// Whether every row is one line, so that reading may begin behind any line's end.
  bool is_line_by_line() const { return format_ != Format::kTable; }

  /// Reads the row that begins at `offset` into `entry`, whose former contents are dropped.
  ///   next     set to where the row after it begins
  ///   returns  false: a blank line or a comment, so no row
  bool read(size_t offset, Entry& entry, size_t& next) const;

  /// The fields that every row has by the list's format; nothing where each row names its own (jsonl).
  const std::vector<std::string>& names() const { return names_; }

  /// Calls take(name, value) for every field of the row that begins at `offset`, known or not, as it is written:
  /// texts, numbers and truth values; of jsonl only those at the top level.
  void each_value(size_t offset, const std::function<void(std::string_view name, std::string_view value)>& take) const;

 private:
  enum class Format { kText, kTable, kJson };

  void read_header();
  bool read_table_row(size_t offset, Entry& entry, size_t& next) const;
  bool read_line(size_t offset, Entry& entry, size_t& next) const;

  std::string_view text_;
  Format format_ = Format::kText;
  char separator_ = ',';
  size_t begin_ = 0;
  std::vector<Field> columns_;      // of a table
  std::vector<std::string> names_;  // of the columns
};

}  // namespace atelier
