#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace atelier {

/// Adds `bytes` to the end of a file, which it makes where there is none. All of them or nothing: what a full disk took
/// of them is cut off again, so that a later try does not follow half a record. Throws std::runtime_error when the disk
/// refuses.
void append_whole(const std::filesystem::path& path, std::string_view bytes);

/// Of a file of JSON lines, if it is there, keeps those whose "position" is at most `position`; a line that a kill cut
/// off goes too.
void cut_lines(const std::filesystem::path& path, uint64_t position);

/// The last line of such a file whose "kind" is `kind`; null: there is none.
nlohmann::json last_line(const std::filesystem::path& path, std::string_view kind);

}  // namespace atelier
