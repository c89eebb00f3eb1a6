#include "train/child.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// Where the child's streams go, and to which session it belongs.
class Surroundings {
 public:
  Surroundings(const std::filesystem::path& log, bool background) {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&attributes_);
    const int mode = O_WRONLY | O_CREAT | (background ? O_APPEND : O_TRUNC);
    posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, log.c_str(), mode, 0644);
    if (!background) return;
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID);
  }
  ~Surroundings() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Child::Child(std::vector<std::string> arguments, const std::filesystem::path& log)
    : Child(std::move(arguments), log, /*background=*/false) {}

Child Child::in_background(std::vector<std::string> arguments, const std::filesystem::path& log) {
  return Child(std::move(arguments), log, /*background=*/true);
}

Child::Child(std::vector<std::string> arguments, const std::filesystem::path& log, bool background) : log_(log) {
  arguments.insert(arguments.begin(), "atelier-train");
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::error_code absent;
  if (background) said_before_ = fs::exists(log) ? fs::file_size(log, absent) : 0;
  const Surroundings around(log, background);
  const fs::path own = fs::read_symlink("/proc/self/exe", absent);  // whose name the process then has
  const std::string program = fs::exists(own, absent) ? own.string() : "/proc/self/exe";  // replaced by now
  const int error = posix_spawn(&process_, program.c_str(), around.files(), around.attributes(), argv.data(), environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start another process");
}

Child::~Child() {
  if (process_ < 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

std::optional<int> Child::poll() {
  int status = 0;
  if (process_ < 0 || ::waitpid(process_, &status, WNOHANG) != process_) return std::nullopt;
  process_ = -1;
  return code_of(status);
}

std::string Child::last_words() const {
  constexpr uintmax_t kMost = 4096;
  std::error_code absent;
  const uintmax_t size = fs::file_size(log_, absent);
  if (absent || size <= said_before_) return "";
  std::ifstream file(log_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(std::max(said_before_, size - std::min(size, kMost))));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace atelier
