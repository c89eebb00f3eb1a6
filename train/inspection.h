#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace atelier {

/// What a run folder, one position's folder (of a checkpoint or of averages) or a weights file holds, and which of its
/// hashes hold; docs/run-folder.md has the fields. A fault of a checkpoint is a value here: the others are worth a look
/// all the same. Throws std::invalid_argument when `path` is none of these.
nlohmann::ordered_json inspect(const std::filesystem::path& path);

}  // namespace atelier
