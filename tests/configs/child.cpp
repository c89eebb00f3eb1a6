#include "tests/configs/child.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace atelier::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

std::array<int, 2> open_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  return ends;
}

/// Appends what is there; false at the end.
bool read_some(int descriptor, std::string& text) {
  std::array<char, 4096> buffer;
  const ssize_t count = read(descriptor, buffer.data(), buffer.size());
  if (count > 0) text.append(buffer.data(), static_cast<size_t>(count));
  return count > 0;
}

}  // namespace

Child::Child(const std::string& program, const std::vector<std::string>& arguments,
             const std::vector<std::string>& environment) {
  std::vector<std::string> words{program}, variables = environment;
  words.insert(words.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argv = pointers(words), envp = pointers(variables);
  const auto out = open_pipe(), err = open_pipe();
  process_ = fork();
  if (process_ == 0) {
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    execve(program.c_str(), argv.data(), envp.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
  if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

Child::~Child() {
  close(out_);
  close(err_);
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

void Child::signal(int number) const { kill(process_, number); }

bool Child::read_until(const std::string& text) {
  while (ended_.out.find(text) == std::string::npos) {
    if (!read_some(out_, ended_.out)) return false;
  }
  return true;
}

Ended Child::wait() {
  std::array<pollfd, 2> streams{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    poll(streams.data(), streams.size(), -1);
    if (streams[0].revents != 0 && !read_some(out_, ended_.out)) streams[0].fd = -1;
    if (streams[1].revents != 0 && !read_some(err_, ended_.err)) streams[1].fd = -1;
  }
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  ended_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return ended_;
}

Ended run(const std::string& program, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment) {
  return Child(program, arguments, environment).wait();
}

}  // namespace atelier::test
