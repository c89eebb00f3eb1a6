#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "configs/config.h"
#include "data/failure.h"
#include "data/manifest.h"
#include "data/source.h"
#include "images/image.h"

/// A contact sheet of a list's entries, for people to look at.
namespace atelier {

inline constexpr int kTileSide = 160;  ///< pixels

/// The picture of an entry, or why there is none.
struct EntryPicture {
  std::optional<Image> image;  ///< kTileSide square
  std::optional<Failure> failure;
};

/// Fetches the pictures of `entries`, cut to a square as the run's settings have it (those of several shapes are
/// padded), not augmented. What fails for a while is asked again for at most 10 s. A stop leaves the rest with neither.
///   told  called after each with how many have come; it may throw
std::vector<EntryPicture> fetch_pictures(const Config& config, const Manifest& manifest,
                                         const std::vector<uint64_t>& entries, const MakeSource& source,
                                         const std::function<void(size_t come)>& told, const std::stop_token& stop);

/// A tile for each picture, a grey one where there is none, with its caption of two lines below.
Image entry_sheet(const std::vector<EntryPicture>& pictures,
                  const std::vector<std::pair<std::string, std::string>>& captions);

}  // namespace atelier
