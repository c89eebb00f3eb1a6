#include "configs/console.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <pty.h>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace atelier {
namespace {

/// All that can be read from `descriptor`, which is closed.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 256> some{};
  for (ssize_t got = 0; (got = read(descriptor, some.data(), some.size())) > 0;)
    text.append(some.data(), static_cast<size_t>(got));
  close(descriptor);
  return text;
}

/// What a process of its own that does `work` writes to a terminal of so many columns.
std::string on_terminal(unsigned short columns, const std::function<void()>& work) {
  winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw std::system_error(errno, std::generic_category(), "forkpty");
  if (child == 0) {
    work();
    _exit(0);
  }
  const std::string text = read_all(terminal);
  waitpid(child, nullptr, 0);
  return text;
}

/// The same into a pipe.
std::string in_pipe(const std::function<void()>& work) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    work();
    _exit(0);
  }
  close(ends[1]);
  const std::string text = read_all(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

void work_for_a_while() {
  Console console;
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  console.progress("step 38  loss 0.123456789  0:00:12 left");
  console.say("epoch 1");
  console.clear();
}

TEST(Console, RewritesOneLineOfATerminalWithinItsWidth) {
  EXPECT_EQ(on_terminal(20, work_for_a_while), "\r\x1b[Kstep 38  loss 0.123\r\x1b[Kepoch 1\r\n\r\x1b[K");
  EXPECT_EQ(on_terminal(60, work_for_a_while),
            "\r\x1b[Kstep 38  loss 0.123456789  0:00:12 left\r\x1b[Kepoch 1\r\n\r\x1b[K");
}

TEST(Console, WritesPlainLinesWhereThereIsNoTerminal) {
  EXPECT_EQ(in_pipe(work_for_a_while), "epoch 1\n") << "progress is due every ten seconds there";
}

}  // namespace
}  // namespace atelier
