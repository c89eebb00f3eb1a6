#pragma once

#include <filesystem>
#include <functional>

#include "data/derived_file.h"

namespace atelier {

/// The list of the image files below a folder (images/endings.h, in any case), sorted by the bytes of their
/// paths; the label is the name of the folder's own folder that an image is in. Links to files are followed, links to
/// folders are not; what begins with a dot is left out. The urls count from the folder, so the list does not change
/// with it.
///
/// Throws std::invalid_argument, one sentence, where there is no image, where a folder cannot be read, and for a name
/// that no list can hold. Memory: the paths.
///   progress  called now and then; it may throw
DerivedList list_of_folder(const std::filesystem::path& folder, const std::function<void(double share)>& progress);

}  // namespace atelier
