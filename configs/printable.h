#pragma once

#include <string>
#include <string_view>

namespace atelier {

/// `text` from a list or a server as a terminal or a line of a page may have it: what could move the cursor, end the
/// line or turn its direction (control characters, the marks of bidirectional text) and bytes that are no UTF-8 become
/// their bytes, such as \x1b.
std::string printable(std::string_view text);

/// Of an error: LibTorch appends a stack trace from the second line on.
std::string_view first_line(std::string_view text);

}  // namespace atelier
