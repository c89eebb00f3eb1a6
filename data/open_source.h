#pragma once

#include <functional>
#include <memory>
#include <string>

#include "configs/config.h"
#include "data/http.h"
#include "data/manifest.h"
#include "data/source.h"

namespace atelier {

/// Opens the list that `data.list` names: itself, or, where it is a store's folder, the copy of the list in it. Throws
/// std::invalid_argument as Manifest does, for a folder that is no store, and for a store without a list.
///   progress  as in ManifestOptions
std::shared_ptr<const Manifest> open_list(const DataConfig& data, std::function<void(double share)> progress);

/// The limits that the settings set.
HttpLimits limits_of(const DataConfig& data);

/// Over the network and from local files, within those limits.
MakeSource web_source(const DataConfig& data);

/// How a stream reaches the bytes of its rows: from the store that `data.list` is, else over the network and from
/// local files, with `data.cache` as a store in between. `failed` is told once, on a thread of the source, if the cache
/// cannot be written; at the latest when the source goes.
MakeSource open_source(const DataConfig& data, std::shared_ptr<const Manifest> manifest,
                       std::function<void(const std::string& sentence)> failed = {});

}  // namespace atelier
