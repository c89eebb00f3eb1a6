#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "data/byte_range.h"

namespace atelier {

/// A regular file in a tar.
struct TarMember {
  std::string path;     ///< as it is written there: any bytes at all
  uint64_t offset = 0;  ///< of its first byte
  uint64_t size = 0;
};

/// The regular files of a tar in order, found by hopping from header to header: ustar and pax (POSIX.1-2008, "pax"),
/// with GNU's long names and numbers, and the tars from before them.
///
/// Errors: std::invalid_argument with one clause, "at byte N: ...": a header whose checksum is wrong, a number that is
/// none, a member that is longer than the rest, no end where the file ends, sparse members (their bytes do not lie in a
/// row), more than kMostMembers of them. What `read` throws passes through. Memory: a window and one path.
class TarReader {
 public:
  static constexpr uint64_t kMostMembers = 10'000'000;
  static constexpr uint64_t kMostText = uint64_t{1} << 20;  ///< bytes of a pax header, and of contents()

  /// Brings exactly the bytes asked for, or throws.
  using Read = std::function<std::string(const ByteRange& range)>;

  /// A tar of `size` bytes; `window`: how many to ask for at once where fewer would do.
  TarReader(uint64_t size, uint64_t window, Read read);

  /// The next regular file; nothing: there is none.
  std::optional<TarMember> next();
  /// The bytes of a member of at most kMostText.
  std::string contents(const TarMember& member);
  /// How far into the tar it has come.
  uint64_t offset() const { return offset_; }

 private:
  struct Extension;
  std::string_view bytes(uint64_t offset, uint64_t count);
  void read_pax(uint64_t header, uint64_t size, Extension& extension);
  void check_end(uint64_t header);

  const uint64_t size_;
  const uint64_t window_;
  const Read read_;
  uint64_t offset_ = 0;  // of the next header
  uint64_t members_ = 0;
  bool ended_ = false;
  std::string buffer_;  // of the tar from buffer_offset_ on
  uint64_t buffer_offset_ = 0;
};

}  // namespace atelier
