#pragma once

#include <filesystem>
#include <vector>

#include "configs/settings.h"

namespace atelier {

/// The requests of a file of JSON lines, so that a studio's whole batch costs one load of the model: each line is an
/// object of seed and of settings of `generate` without that prefix, laid over `base`:
///
///   {"label": "chair", "image": "chair.png", "variations": 8, "seed": 7}
///
/// Blank lines are skipped; at most 1,000 requests. Throws std::invalid_argument with one sentence that names the file
/// and the line (unreadable, not an object, an unknown name, a value that the setting does not take).
std::vector<Resolved> read_requests(const std::filesystem::path& file, const Resolved& base);

}  // namespace atelier
