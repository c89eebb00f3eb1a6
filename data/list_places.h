#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/files.h"

/// What is made of a list once, and kept for the next start.
namespace atelier {

/// Where it may be kept: beside the list, as LIST + `ending`, else in the user's cache folder (XDG Base Directory
/// Specification).
std::vector<std::filesystem::path> places_of(const std::filesystem::path& list, std::string_view ending);

/// Of several processes that need the same thing at `place`, one makes it and the others wait here; look again whether
/// it is there once this returns. Makes the folder that `place` is in.
///   waiting  called 20 times a second meanwhile; it may throw
FileLock lock_place(const std::filesystem::path& place, const std::function<void()>& waiting);

}  // namespace atelier
