#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "configs/config.h"
#include "models/checkpoint.h"

namespace atelier {

/// A run's folder, held by this process alone.
struct RunFolder {
  std::filesystem::path path;
  FileLock lock;
  std::optional<Checkpoint> newest;   ///< where the run goes on; nothing: it starts
  std::vector<std::string> warnings;  ///< damaged checkpoints that were passed over
};

/// Opens or creates `path`. Throws std::invalid_argument: another trainer holds it; `must` finds no checkpoint; `never`
/// finds a run; every checkpoint there is damaged.
RunFolder open_run_folder(const std::filesystem::path& path, Resume resume);

}  // namespace atelier
