#pragma once

#include <algorithm>
#include <cstdint>

namespace atelier {

/// Adds up how long somebody has waited while nothing moved. A value.
///
/// Only waiting counts, and of one look never more than kLongestLook: a program that was stopped (Ctrl-Z, a debugger)
/// or busy elsewhere finds no stall when it goes on.
class Watchdog {
 public:
  static constexpr double kLongestLook = 1;  ///< seconds

  /// limit  seconds of waiting that are a stall
  explicit Watchdog(double limit) : limit_(limit) {}

  /// After each look. True: nothing has moved for as long as the limit.
  ///   seconds  waited since the last look
  ///   moves    whatever has moved since the beginning, counted
  ///   excused  the wait is meant to be: a back-off
  bool is_stalled(double seconds, uint64_t moves, bool excused) {
    if (moves != moves_ || excused)
      waited_ = 0;
    else
      waited_ += std::min(seconds, kLongestLook);
    moves_ = moves;
    return waited_ >= limit_;
  }
  void rest() { waited_ = 0; }

 private:
  const double limit_;
  uint64_t moves_ = 0;
  double waited_ = 0;
};

}  // namespace atelier
