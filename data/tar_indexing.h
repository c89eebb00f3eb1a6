#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "configs/config.h"
#include "data/tar_index.h"
#include "data/tar_list.h"

namespace atelier {

/// The index of a tar, and where it is.
struct IndexedTar {
  TarIndex index;
  std::filesystem::path place;
};

/// An index of each of `tars`, made where there is none that fits; errors, progress and what is read are those of
/// list_of_tars (tar_list.h). Of several tars that fail, the first in order tells.
std::vector<IndexedTar> index_tars(const Tars& tars, const DataConfig& data,
                                   const std::function<void(double share)>& progress);

}  // namespace atelier
