#include "train/background.h"

#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>

#include "base/files.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// Whether process `pid` has the run's lock open: no other process of that number has.
bool holds_lock(pid_t pid, const fs::path& run_dir) {
  std::error_code gone;  // the process, or the folder; or both are another user's
  const fs::path lock = fs::canonical(run_dir / kLockFile, gone);
  if (gone) return false;
  for (const auto& open : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), gone))
    if (fs::read_symlink(open.path(), gone) == lock) return true;
  return false;
}

}  // namespace

PidFile::PidFile(const fs::path& run_dir) : path_(run_dir / kPidFile) {
  publish_file(path_, fmt::format("{}\n", ::getpid()));
}

PidFile::~PidFile() {
  if (path_.empty()) return;
  std::error_code ignored;  // a file that is left behind misleads nobody: trainer_in looks at the process
  fs::remove(path_, ignored);
}

std::optional<pid_t> trainer_in(const fs::path& run_dir) {
  std::ifstream file(run_dir / kPidFile);
  std::string text;
  std::getline(file, text);
  pid_t pid = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), pid).ec != std::errc() || pid <= 0) return std::nullopt;
  return holds_lock(pid, run_dir) ? std::optional(pid) : std::nullopt;
}

}  // namespace atelier
