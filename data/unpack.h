#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

namespace atelier {

enum class Packing { kGzip, kZstd };

/// How a file is packed, by its extension: .gz or .zst; nothing for any other.
std::optional<Packing> packing_of(const std::filesystem::path& file);

/// Unpacks a whole gzip (RFC 1952) or zstd (RFC 8878) file, members and frames one behind the other included, and
/// checks its checksums. Holds a few MiB, for zstd up to 128 MiB.
///   take  gets the bytes in pieces of at most 1 MiB, with the share of `packed` that is done; it may throw
/// Throws std::invalid_argument, a clause, for bytes that are cut short, damaged or of another format.
void unpack(std::string_view packed, Packing packing,
            const std::function<void(std::string_view piece, double share)>& take);

}  // namespace atelier
