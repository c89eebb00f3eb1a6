#pragma once

#include <chrono>
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

}  // namespace atelier
