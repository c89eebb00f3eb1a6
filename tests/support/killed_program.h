#pragma once

#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace atelier::test {

/// Runs a program, takes the first `count` lines of its stdout, and kills it by SIGKILL, whatever it is about. Fewer
/// lines: it ended by itself. Its stderr is dropped.
///   words  the path of the program, then its arguments
inline std::string first_lines_of(std::vector<std::string> words, int count) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "no pipe");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(::fdopen(ends[0], "r"), std::fclose);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) throw std::system_error(error, std::generic_category(), words.front());
  std::string lines;
  for (int letter = 0; count > 0 && (letter = std::fgetc(out.get())) != EOF; count -= letter == '\n')
    lines += static_cast<char>(letter);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return lines;
}

}  // namespace atelier::test
