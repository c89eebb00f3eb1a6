#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "images/decode.h"

namespace atelier {

/// A picture file made smaller, to be kept instead: a JPEG (4:2:0) whose shorter edge has `side` pixels, upright, on
/// white. One that is no larger than that is left as it is, whatever its format.
///   quality  1..100
///   returns  the new file; nothing: the old one will do; or what was wrong with it
///   threads  any number at once; keeps nothing
std::variant<std::optional<std::vector<std::byte>>, DecodeFailure> shrink_file(std::span<const std::byte> bytes,
                                                                               int side, int quality);

}  // namespace atelier
