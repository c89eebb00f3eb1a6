#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

namespace atelier {

/// A program's stderr while it works: lines that stay and, on a terminal, one below them that rewrites itself, never
/// wider than the terminal. For one thread at a time.
class Console {
 public:
  Console();

  /// A line that stays.
  void say(const std::string& line);
  void warn(const std::string& warning) { say("warning: " + warning); }

  /// How far the work is: on a terminal the live line, twice a second; else a line that stays, every 10 s. Calls in
  /// between do nothing.
  void progress(const std::string& line);
  /// Whether progress() would show a line now: ask first where the line is dear.
  bool progress_due() const;

  /// Removes the live line.
  void clear();

 private:
  using SteadyClock = std::chrono::steady_clock;
  const bool terminal_;
  const std::chrono::milliseconds interval_;
  SteadyClock::time_point last_ = SteadyClock::now();
};

/// "0:00:12 left"
std::string time_left(double seconds);

/// "45 seconds", "12 minutes", "3.4 hours", "2.1 days".
std::string long_time_text(double seconds);

/// Thrown to leave a program at once: run_program ends with 130.
struct Interrupted {};

/// For work that tells now and then which share of it is done: shows "DOING: 34%, 0:00:12 left", and throws Interrupted
/// once `stop` is requested. `console` must outlive it.
std::function<void(double share)> show_share(Console& console, std::string doing, std::stop_token stop);

}  // namespace atelier
