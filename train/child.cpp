#include "train/child.h"

#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/files.h"

namespace atelier {
namespace {

/// The settings of posix_spawn that send stderr to a file.
class ErrorsTo {
 public:
  explicit ErrorsTo(const std::filesystem::path& file) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  }
  ~ErrorsTo() { posix_spawn_file_actions_destroy(&actions_); }
  ErrorsTo(const ErrorsTo&) = delete;
  ErrorsTo& operator=(const ErrorsTo&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Child::Child(std::vector<std::string> arguments, const std::filesystem::path& log) : log_(log) {
  arguments.insert(arguments.begin(), "atelier-train");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const ErrorsTo errors(log);
  const int error = posix_spawn(&process_, "/proc/self/exe", errors.get(), nullptr, argv.data(), environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start another process");
}

Child::~Child() {
  if (process_ < 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
}

std::optional<int> Child::poll() {
  int status = 0;
  if (::waitpid(process_, &status, WNOHANG) != process_) return std::nullopt;
  process_ = -1;
  return code_of(status);
}

std::string Child::last_words() const {
  std::string text = read_file(log_);
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace atelier
