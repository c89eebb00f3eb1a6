#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "configs/config.h"
#include "models/checkpoint.h"
#include "train/background.h"

namespace atelier {

/// A folder that this process has made for a run. It goes again if nothing is left in it, but for the run's lock.
class MadeFolder {
 public:
  explicit MadeFolder(std::filesystem::path path) : path_(std::move(path)) {}
  MadeFolder(MadeFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  MadeFolder& operator=(MadeFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~MadeFolder();

 private:
  std::filesystem::path path_;  // empty: moved away
};

/// A run's folder.
struct RunFolder {
  std::filesystem::path path;
  std::optional<MadeFolder> made;     ///< if it was not there; goes after the lock
  std::optional<FileLock> lock;       ///< while it lives, the folder is this process's alone
  std::optional<PidFile> pid;         ///< which tells others whose; goes before the lock
  std::optional<Checkpoint> newest;   ///< where the run goes on; nothing: it starts
  std::vector<std::string> warnings;  ///< damaged checkpoints that were passed over
};

/// `path`, or the nearest above it that is there.
std::filesystem::path nearest_there(const std::filesystem::path& path);

/// What the status.json of the run at `path` holds: an object, unless it is damaged. Nothing: it is not there.
std::optional<nlohmann::json> written_status(const std::filesystem::path& path);

/// What to tell who named `path` for a run that is not there.
std::string no_run_at(const std::filesystem::path& path);

/// Makes `path` unless it is there; nothing: it is. Throws std::invalid_argument when it cannot be made.
std::optional<MadeFolder> make_folder(const std::filesystem::path& path);

/// Opens or makes `path`. Throws std::invalid_argument: another trainer holds it; `must` finds no checkpoint; `never`
/// finds a run; every checkpoint there is damaged, or gone although status.json tells of one.
RunFolder open_run_folder(const std::filesystem::path& path, Resume resume);

/// What open_run_folder would find, and throws as that would; makes, locks and changes nothing.
RunFolder look_into_run_folder(const std::filesystem::path& path, Resume resume);

}  // namespace atelier
