#include "configs/console.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "configs/printable.h"

namespace atelier {
namespace {

constexpr const char* kClearLine = "\r\x1b[K";

/// A log that cannot be written ends no run.
void write(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

size_t columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - size_t{1} : 79;
}

}  // namespace

Console::Console() : terminal_(::isatty(STDERR_FILENO) == 1), interval_(terminal_ ? 500 : 10'000) {}

void Console::say(const std::string& line) {
  write(fmt::format("{}{}\n", terminal_ ? kClearLine : "", printable(line)));
}

bool Console::progress_due() const { return SteadyClock::now() - last_ >= interval_; }

void Console::progress(const std::string& line) {
  if (!progress_due()) return;
  last_ = SteadyClock::now();
  if (!terminal_) return say(line);
  write(fmt::format("{}{:.{}}", kClearLine, printable(line), columns()));
}

void Console::clear() {
  if (!terminal_) return;
  write(kClearLine);
}

std::string long_time_text(double seconds) {
  constexpr double kMinute = 60, kHour = 3600, kDay = 86'400;
  if (seconds < 2 * kMinute) return fmt::format("{:.0f} second{}", seconds, std::lround(seconds) == 1 ? "" : "s");
  if (seconds < 2 * kHour) return fmt::format("{:.0f} minutes", seconds / kMinute);
  if (seconds < 3 * kDay) return fmt::format("{:.1f} hours", seconds / kHour);
  return fmt::format("{:.1f} days", seconds / kDay);
}

std::string time_left(double seconds) {
  const auto left = static_cast<uint64_t>(seconds);
  return fmt::format("{}:{:02}:{:02} left", left / 3600, left / 60 % 60, left % 60);
}

std::function<void(double)> show_share(Console& console, std::string doing, std::stop_token stop) {
  const auto begin = std::chrono::steady_clock::now();
  return [&console, doing = std::move(doing), stop = std::move(stop), begin](double share) {
    if (stop.stop_requested()) throw Interrupted();
    if (share >= 1) return console.clear();
    if (!console.progress_due()) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::string line = fmt::format("{}: {:.0f}%", doing, 100 * share);
    if (share > 0) line += ", " + time_left(seconds * (1 - share) / share);
    console.progress(line);
  };
}

}  // namespace atelier
