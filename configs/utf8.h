#pragma once

#include <string_view>

namespace atelier {

/// Where `text` stops being UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF); npos: nowhere.
size_t find_invalid_utf8(std::string_view text);

}  // namespace atelier
