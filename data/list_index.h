#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/list_scan.h"

/// Where each row of a list begins, what label it has and where its group stands: 12 bytes a row, memory-mapped, so
/// that a list is read whole only once. docs/list-index.md has the format.
namespace atelier {

/// A list as it was when its index was made.
struct ListPrint {
  uint64_t bytes = 0;
  int64_t modified = 0;  ///< nanoseconds since 1970
  std::string samples;   ///< SHA-256 of 64 blocks of 4 KiB, spread evenly from the first byte to the last
  std::string sha256;    ///< of all bytes; empty where nobody has read them
};

/// Size, time and samples of `list`, whose text is `text`; sha256 is left empty.
ListPrint print_of(const std::filesystem::path& list, std::string_view text);

/// Whether the list has been left alone, as far as size, time and samples tell.
bool looks_like(const ListPrint& now, const ListPrint& then);

/// An index, from a file or from memory. Reading is const and may be done from any number of threads.
class ListIndex {
 public:
  /// Nothing: no such file, or one that is not a whole index of this version.
  static std::optional<ListIndex> open(const std::filesystem::path& file);
  /// `bytes`, as ListIndexWriter wrote them.
  static ListIndex in_memory(std::string bytes);

  const ListPrint& print() const { return print_; }
  uint64_t size() const { return rows_; }                             ///< rows
  const std::vector<std::string>& labels() const { return labels_; }  ///< distinct, sorted
  /// row < size(); `label` is an index into labels().
  RowMark mark(uint64_t row) const;

 private:
  ListIndex(std::shared_ptr<const void> memory, std::string_view bytes);

  std::shared_ptr<const void> memory_;  // what holds blocks_
  std::string_view blocks_;
  uint64_t rows_ = 0;
  ListPrint print_;
  std::vector<std::string> labels_;
  std::vector<int32_t> sorted_;  // label of a mark on disk -> index into labels_
};

/// Writes an index from first byte to last: add() for every stretch of the list in order, then finish().
class ListIndexWriter {
 public:
  /// `write` takes the bytes; it may throw.
  explicit ListIndexWriter(std::function<void(std::string_view)> write);
  ~ListIndexWriter();

  /// Throws std::invalid_argument, a clause, when the labels become too many.
  void add(const Stretch& stretch);
  void finish(const ListPrint& print);
  uint64_t rows() const { return rows_; }

 private:
  struct Block;
  void flush();

  const std::function<void(std::string_view)> write_;
  const std::unique_ptr<Block> block_;
  uint64_t rows_ = 0;
  std::map<std::string, int32_t, std::less<>> labels_;  // by name, numbered as they were first seen
};

}  // namespace atelier
