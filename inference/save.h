#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "images/image.h"
#include "inference/variation.h"

/// Variations as files.
namespace atelier {

/// Throws std::invalid_argument when nothing could be written there. Writes nothing.
void check_folder(const std::filesystem::path& folder);
void check_png_file(const std::filesystem::path& file);

/// Writes each variation's PNG into `folder`, made if need be, as LABEL-SEED.png ("design" without a label; characters
/// that file names do not like become "-"). No picture is ever lost: where another one has that name, the new one is
/// LABEL-SEED-2.png, -3 and so on; where the very same bytes lie, they stay. Returns the paths, in order.
std::vector<std::filesystem::path> save_variations(const std::filesystem::path& folder,
                                                   std::span<const Variation> variations);

/// What one request was given and got: a part of a contact sheet.
struct Answered {
  std::span<const Image> material;
  std::span<const Variation> variations;
};

/// The material, then the variations with their seeds, enlarged so that small pictures can be looked at. One request:
/// one row up to ten cells, else as square as they go. Several: a row each.
Image contact_sheet_of(std::span<const Answered> requests);

}  // namespace atelier
