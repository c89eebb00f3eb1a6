#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "images/image.h"

/// Pixels to bytes. Pure functions, any number of threads at once. Errors: std::runtime_error.
namespace atelier {

/// A PNG file of `image`, with `text` as its text chunks (keyword of 1 to 79 Latin-1 characters, UTF-8 text): tEXt
/// where the text is ASCII, else iTXt. Same arguments, same bytes.
std::vector<std::byte> encode_png(const Image& image, const std::map<std::string, std::string>& text = {});

/// A baseline JPEG file of `image`, 4:2:0. quality 1..100.
std::vector<std::byte> encode_jpeg(const Image& image, int quality = 90);

/// Appends the base64 (RFC 4648, padded, no line breaks) of `bytes` to `out`, straight from the caller's buffer.
void append_base64(std::span<const std::byte> bytes, std::string& out);

/// Draws `text` in black, `height` pixels tall, with its top left corner at (x, y). For captions of contact sheets.
void draw_text(Image& image, const std::string& text, int x, int y, int height);

}  // namespace atelier
