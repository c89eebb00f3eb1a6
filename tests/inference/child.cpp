#include "tests/inference/child.h"

#include <cstdlib>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace atelier::test {
namespace {

std::string content(int descriptor) {
  std::string text(static_cast<size_t>(::lseek(descriptor, 0, SEEK_END)), '\0');
  if (::pread(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw std::runtime_error("the output of a child cannot be read");
  return text;
}

}  // namespace

Child::Child(const std::vector<std::string>& command)
    : out_(::memfd_create("out", MFD_CLOEXEC)), err_(::memfd_create("err", MFD_CLOEXEC)) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("fork failed");
  if (process_ == 0) {
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    ::execvp(words[0], words.data());
    ::_exit(127);
  }
}

Child::~Child() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(out_);
  ::close(err_);
}

void Child::signal(int number) const { ::kill(process_, number); }

int Child::wait() {
  int status = 0;
  if (::waitpid(process_, &status, 0) != process_) throw std::runtime_error("waitpid failed");
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Child::out() const { return content(out_); }
std::string Child::err() const { return content(err_); }

Finished run(const std::vector<std::string>& command) {
  Child child(command);
  const int code = child.wait();
  return {code, child.out(), child.err()};
}

std::vector<std::string> generate_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), ATELIER_BIN_DIR "/atelier-generate");
  // Networks this small only wait for one another's threads on a busy machine.
  arguments.insert(arguments.end(), {"--generate.threads", "1"});
  return arguments;
}

Finished generate(std::vector<std::string> arguments) { return run(generate_command(std::move(arguments))); }

}  // namespace atelier::test
