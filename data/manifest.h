#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/entry.h"
#include "data/row_set.h"

namespace atelier {

struct ManifestOptions {
  bool verify = false;                         ///< make the index anew, even if it looks right
  std::filesystem::path folder = {};           ///< what relative urls count from; empty: the list's own
  std::string where = {};                      ///< which rows are used (row_filter.h); empty: all
  std::function<void(double share)> progress;  ///< called now and then while the list is read; on the same thread
};

/// A list on disk with random access: txt (a URL a line), csv or tsv (header row, RFC 4180 quotes) or jsonl, told
/// apart by the file's extension; any of them packed as .gz or .zst. Blank lines, and lines of a txt that begin with
/// '#', are no rows.
///
/// List and index (list_index.h) are memory-mapped, so what is held does not grow with the rows. A list of 16 MiB and
/// more is read whole only once: its index is kept beside it as LIST.index, or in the user's cache folder where the
/// list's own cannot be written; it is made again when size, time or samples of the list tell that it has changed. A
/// packed list is unpacked once (unpacked_list.h); from there on it is the list that was packed, also to sha256().
///
/// Errors: std::invalid_argument with one sentence that names the file, the line and what to do (unreadable, empty,
/// unknown extension, a row without url, not UTF-8, not JSON, a field of the wrong type, no row that is used). Reading
/// is const and may be done from any number of threads.
class Manifest {
 public:
  explicit Manifest(const std::filesystem::path& list, const ManifestOptions& options = {});
  /// Several lists as one: the rows of the first, then those of the second, ... Its labels are those of all; its
  /// sha256 is that of theirs. Copies share what is opened.
  explicit Manifest(const std::vector<Manifest>& lists);

  /// The file with the list's text: the list itself, or what it was unpacked to. Of one list, not of several.
  const std::filesystem::path& text_file() const;
  std::string_view text() const;  ///< in it

  uint64_t size() const { return parts_.empty() ? 0 : parts_.back().end; }  ///< rows
  Entry entry(uint64_t row) const;                                          ///< row < size()

  /// The distinct labels, sorted. Index into this is the number that a model sees.
  const std::vector<std::string>& labels() const { return labels_; }
  int64_t label_index(uint64_t row) const;  ///< -1: the row has none

  /// Calls take(row, values) for every row: what it has in `fields`, as it is written, "" where it has no such field.
  /// Reads the whole list, on all cores: `take` is called on several threads, and must not throw.
  ///   progress  called now and then on this thread; it may throw
  void read_fields(const std::vector<std::string>& fields,
                   const std::function<void(uint64_t row, const std::vector<std::string>& values)>& take,
                   const std::function<void(double share)>& progress = {}) const;

  /// The rows that are used: those that `where` lets through.
  RowSet rows() const;

  /// SHA-256 of the list's text, packed or not: what a resumed run compares.
  const std::string& sha256() const { return sha256_; }

  /// Of the rows that are used, those kept (false) or held out (true): a group is held out when its keyed hash falls
  /// below `share`. A pure function of (group, share): lists may grow without moving anybody.
  RowSet split(double share, bool held_out) const;

  /// Of several lists in one: the first row after each, in order.
  std::vector<uint64_t> ends() const;

 private:
  struct List;
  /// Rows [begin, end): those of one list.
  struct Part {
    std::shared_ptr<const List> list;
    uint64_t begin = 0, end = 0;
    std::vector<int64_t> labels;  // of the list -> index into labels_; empty: they are the same
  };
  const Part& part_of(uint64_t row) const;

  std::vector<Part> parts_;
  std::vector<std::string> labels_;
  std::string sha256_;
};

}  // namespace atelier
