#include "train/run_folder.h"

#include <fmt/format.h>
#include <stdexcept>
#include <system_error>

#include "train/checkpoint.h"

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

std::optional<FileLock> acquire_lock(const fs::path& path) try {
  return FileLock::try_acquire(path / kLockFile);
} catch (const std::runtime_error& error) {
  throw std::invalid_argument(
      fmt::format("The run folder cannot be used: {}; choose another train.run_dir.", error.what()));
}

[[noreturn]] void refuse_nothing_to_resume(const fs::path& path) {
  throw std::invalid_argument(fmt::format(
      "{} holds no checkpoint to resume, and train.resume is must: give the folder of a run.", path.string()));
}

}  // namespace

RunFolder open_run_folder(const fs::path& path, Resume resume) {
  if (resume == Resume::kMust && !fs::exists(path)) refuse_nothing_to_resume(path);
  create_folder(path);
  auto lock = acquire_lock(path);
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
  folder.newest = newest_checkpoint(path, folder.warnings, kCheckpointFiles);
  if (!folder.newest && !folder.warnings.empty())
    throw std::invalid_argument(
        fmt::format("Every checkpoint in {} is damaged ({}): start a new run in another folder.", path.string(),
                    folder.warnings.front()));
  if (!folder.newest && resume == Resume::kMust) refuse_nothing_to_resume(path);
  return folder;
}

}  // namespace atelier
