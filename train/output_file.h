#pragma once

#include <filesystem>

namespace atelier {

/// That `file` can be made when the work for it is done: nothing is there yet, and its folder is. Throws
/// std::invalid_argument.
void check_new_file(const std::filesystem::path& file);

}  // namespace atelier
