#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "inference/variation.h"

namespace atelier {

/// The answer to a request, one JSON document that ends in a line feed:
///
///   {"created": unix seconds, "data": [{<record>, "request": ..., "milliseconds": ..., "file": ..., "b64_json":
///   "..."}, ...]}
///
/// b64_json is the PNG file, encoded straight from each variation's buffer into the document.
///   files  where each variation was saved, or empty: then no record has a "file"
std::string make_reply(int64_t created, std::span<const Variation> variations,
                       std::span<const std::filesystem::path> files);

}  // namespace atelier
