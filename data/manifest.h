#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace atelier {

/// One row of a list.
struct Entry {
  std::string url;  ///< http(s)://, or an absolute path (relative ones are resolved)
  std::optional<std::string> label;
  std::string caption;
  std::optional<std::string> condition_url;  ///< the input image of a pair
  std::optional<std::string> sha256;         ///< of the image's bytes, 64 lower-case hexadecimal digits
  std::string group;                         ///< entries that stay on one side of a split; the url when not given
  std::string licence;
  std::string creator;
};

/// A list on disk with random access: txt (a URL a line), csv or tsv (header row, RFC 4180 quotes) or jsonl, told
/// apart by the file's extension. The file is memory-mapped; what is held is 8 bytes a row, and a label and a split
/// for each. Blank lines, and lines of a txt that begin with '#', are no rows.
///
/// Errors: std::invalid_argument with one sentence that names the file, the line and what to do (unreadable, empty,
/// unknown extension, a row without url, not UTF-8, not JSON, a field of the wrong type). Reading is const and may be
/// done from any number of threads.
class Manifest {
 public:
  explicit Manifest(const std::filesystem::path& list);
  ~Manifest();
  Manifest(Manifest&&) noexcept;
  Manifest& operator=(Manifest&&) noexcept;

  uint64_t size() const;              ///< rows
  Entry entry(uint64_t index) const;  ///< index < size()

  /// The distinct labels, sorted. Index into this is the number that a model sees.
  const std::vector<std::string>& labels() const;
  int64_t label_index(uint64_t index) const;  ///< -1: the row has none

  /// SHA-256 of the file: what a resumed run compares.
  const std::string& sha256() const;

  /// The rows kept (false) or held out (true), ascending: a group is held out when its keyed hash falls below
  /// `share`. A pure function of (group, share): lists may grow without moving anybody.
  std::vector<uint64_t> split(double share, bool held_out) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace atelier
