#include "train/run_folder.h"

#include <fmt/format.h>
#include <stdexcept>
#include <system_error>

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockFile = "lock";

bool has_content(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != kLockFile) return true;
  return false;
}

void create_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!fs::is_directory(path))
    throw std::invalid_argument(fmt::format("The run folder {} cannot be made ({}): choose another train.run_dir.",
                                            path.string(), error.message()));
}

}  // namespace

RunFolder open_run_folder(const fs::path& path, Resume resume) {
  create_folder(path);
  auto lock = FileLock::try_acquire(path / kLockFile);
  if (!lock)
    throw std::invalid_argument(
        fmt::format("Another atelier-train works in {}: wait for it, or choose another train.run_dir.", path.string()));
  RunFolder folder{path, std::move(*lock), std::nullopt, {}};
  if (resume == Resume::kNever) {
    if (has_content(path))
      throw std::invalid_argument(fmt::format(
          "{} is not empty and train.resume is never: choose another train.run_dir, or resume.", path.string()));
    return folder;
  }
  folder.newest = newest_checkpoint(path, folder.warnings);
  if (!folder.newest && !folder.warnings.empty())
    throw std::invalid_argument(
        fmt::format("Every checkpoint in {} is damaged ({}): start a new run in another folder.", path.string(),
                    folder.warnings.front()));
  if (!folder.newest && resume == Resume::kMust)
    throw std::invalid_argument(fmt::format(
        "{} holds no checkpoint to resume, and train.resume is must: give the folder of a run.", path.string()));
  return folder;
}

}  // namespace atelier
