#pragma once

#include <filesystem>
#include <optional>
#include <sys/types.h>
#include <utility>

/// Runs that nobody looks at: which process trains in a run's folder.
namespace atelier {

inline constexpr const char *kLockFile = "lock", *kPidFile = "pid", *kLogFile = "log.txt";  ///< in RUN/

/// RUN/pid while this process trains there: its number, and a line break. Made once the run's folder is locked.
class PidFile {
 public:
  /// Throws std::runtime_error when the disk refuses.
  explicit PidFile(const std::filesystem::path& run_dir);
  PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PidFile& operator=(PidFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~PidFile();

 private:
  std::filesystem::path path_;  // empty: moved away
};

/// The process that trains in `run_dir`: the one in RUN/pid, if it has RUN/lock open. Nothing: there is none, it runs
/// on another machine or is another user's, or it was killed and has left its file behind.
std::optional<pid_t> trainer_in(const std::filesystem::path& run_dir);

}  // namespace atelier
