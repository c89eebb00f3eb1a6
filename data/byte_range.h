#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <string>

namespace atelier {

/// A part of a file: its first and its last byte, both counted from 0 and both in it (RFC 9110, section 14.1.2).
struct ByteRange {
  uint64_t first = 0;
  uint64_t last = 0;  ///< first <= last < 2^62

  uint64_t size() const { return last - first + 1; }
  /// "1536-78123", as behind `bytes=` in a Range header or in a url's fragment.
  std::string text() const { return fmt::format("{}-{}", first, last); }
  bool operator==(const ByteRange&) const = default;
};

}  // namespace atelier
