#include "configs/printable.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>

#include "configs/utf8.h"

namespace atelier {
namespace {

/// Bytes of the control character at `at` of well-formed text; 0: there is none.
size_t control_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : uint8_t{0}; };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return 1;
  if (byte(0) == 0xc2 && byte(1) < 0xa0) return 2;  // U+0080 to U+009F
  if (byte(0) != 0xe2) return 0;
  const uint8_t last = byte(2);
  const bool is_mark = byte(1) == 0x80 && (last == 0x8e || last == 0x8f || (last >= 0xa8 && last <= 0xae));
  return is_mark || (byte(1) == 0x81 && last >= 0xa6 && last <= 0xa9) ? 3 : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  size_t invalid = find_invalid_utf8(text);
  for (size_t at = 0; at < text.size();) {
    const bool is_invalid = at == invalid;
    const size_t hidden = is_invalid ? 1 : control_at(text, at);
    for (size_t i = 0; i < hidden; ++i) result += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[at + i]));
    if (hidden == 0) result += text[at];
    at += std::max<size_t>(hidden, 1);
    if (is_invalid) {
      const size_t next = find_invalid_utf8(text.substr(at));
      invalid = next == std::string_view::npos ? next : at + next;
    }
  }
  return result;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace atelier
