#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace atelier::test {

/// RFC 4648, strictly; throws std::runtime_error.
std::vector<std::byte> from_base64(const std::string& text);

/// The tEXt chunks of a PNG file (PNG specification, section 11.3.3.2), and its iTXt chunks (11.3.3.4) uncompressed.
std::map<std::string, std::string> read_png_text(std::span<const std::byte> file);

}  // namespace atelier::test
