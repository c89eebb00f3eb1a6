#pragma once

#include <functional>
#include <memory>
#include <string>

#include "configs/config.h"
#include "data/http.h"
#include "data/manifest.h"
#include "data/source.h"
#include "data/store.h"

namespace atelier {

/// Opens the list that `data.list` names: a list itself, the copy in a store, the one that follows from a folder of
/// images or from tars (docs/list-format.md), or all of a mix as one. Throws std::invalid_argument as Manifest does,
/// and for what is none of these.
///   progress  as in ManifestOptions; it may throw
///   warn      told in one sentence what had to be left out
std::shared_ptr<const Manifest> open_list(const DataConfig& data, const std::function<void(double share)>& progress,
                                          const std::function<void(const std::string& sentence)>& warn = {});

/// Over the network and from local files, as the settings limit it.
MakeSource web_source(const DataConfig& data);

/// What `bytes` brings, and what `store` holds of it already; the rest is added on its way. `failed` as below.
MakeSource kept_in(const std::shared_ptr<Store>& store, const std::shared_ptr<const Manifest>& manifest,
                   const DataConfig& data, const MakeSource& bytes,
                   std::function<void(const std::string& sentence)> failed);

/// What became of the pictures in the stores that `data.list` is or mixes (StoreIdentity::packing); empty: nothing.
std::string image_packing(const DataConfig& data);

/// `web`, but for the rows that are in the stores that `data.list` is or mixes.
MakeSource with_stores(const DataConfig& data, const std::shared_ptr<const Manifest>& manifest, const MakeSource& web);

/// How a stream reaches the bytes of its rows: from the stores that `data.list` is or mixes, else over the network and
/// from local files, with `data.cache` as a store in between. `failed` is told once, on a thread of the source, if the
/// cache cannot be written; at the latest when the source goes.
MakeSource open_source(const DataConfig& data, const std::shared_ptr<const Manifest>& manifest,
                       std::function<void(const std::string& sentence)> failed = {});

/// The same, but `data.cache` is left as it is: what it holds is read, and nothing is added.
MakeSource reading_source(const DataConfig& data, const std::shared_ptr<const Manifest>& manifest);

}  // namespace atelier
