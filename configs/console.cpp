#include "configs/console.h"

#include <cstdio>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace atelier {
namespace {

constexpr const char* kClearLine = "\r\x1b[K";

size_t columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - size_t{1} : 79;
}

}  // namespace

Console::Console() : terminal_(::isatty(STDERR_FILENO) == 1), interval_(terminal_ ? 500 : 10'000) {}

void Console::say(const std::string& line) {
  fmt::print(stderr, "{}{}\n", terminal_ ? kClearLine : "", line);
  std::fflush(stderr);
}

bool Console::progress_due() const { return SteadyClock::now() - last_ >= interval_; }

void Console::progress(const std::string& line) {
  if (!progress_due()) return;
  last_ = SteadyClock::now();
  if (!terminal_) return say(line);
  fmt::print(stderr, "{}{:.{}}", kClearLine, line, columns());
  std::fflush(stderr);
}

void Console::clear() {
  if (!terminal_) return;
  fmt::print(stderr, "{}", kClearLine);
  std::fflush(stderr);
}

}  // namespace atelier
