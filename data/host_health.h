#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "data/failure.h"
#include "data/retry.h"

namespace atelier {

/// How a host has been answering, and so how it is asked. A value; time is what the caller says.
///
/// Requests at once follow additive increase and multiplicative decrease (Chiu and Jain 1989): one more for each round
/// of good answers, half when the host is too busy or too slow. A host is closed for two reasons: it asked for that by
/// Retry-After, a minute at most, as it may have meant one image only; or it could not be reached kBreak times in a
/// row, for 0.5, 1, 2, ... 60 s, after each of which one request may try (a circuit breaker, half open). A closed
/// host's requests fail at once, with its last failure.
class HostHealth {
 public:
  static constexpr int kMost = 16;  ///< requests at once
  static constexpr int kBreak = 5;
  static constexpr double kLongestPause = 60;  ///< seconds

  /// Requests that it may be asked at once.
  int limit() const { return static_cast<int>(limit_); }
  /// Nothing worth remembering.
  bool is_well() const { return limit_ >= kMost && !failing_since_; }

  /// Nothing: ask it. Else what a request gets instead.
  std::optional<Failure> refuse(SteadyClock::time_point now) {
    const double left = Seconds(std::max(asked_to_wait_until_, down_until_) - now).count();
    if (left > 0) {
      Failure failure = last_;
      failure.retry_after = left;
      failure.not_asked = true;
      failure.host_down = failing_since_ ? Seconds(now - *failing_since_).count() : 0;
      return failure;
    }
    if (unreached_ >= kBreak) {
      is_trying_ = true;
      down_until_ = now + to_clock(pause());  // for the others
    }
    return std::nullopt;
  }

  /// Somebody is there, and not too busy. What it asked for by Retry-After still holds.
  void note_answer() {
    failing_since_.reset();
    unreached_ = 0;
    is_trying_ = false;
    down_until_ = {};
    limit_ = std::min<double>(kMost, limit_ + 1 / limit_);
  }

  void note_failure(const Failure& failure, SteadyClock::time_point now) {
    const bool is_busy = failure.status == 429 || failure.status == 503 || failure.fault == Fault::kTimeout;
    if (!is_busy && !is_unreachable(failure.fault)) return note_answer();
    if (!failing_since_) failing_since_ = now;
    last_ = failure;
    if (is_busy) {
      unreached_ = 0;
      limit_ = std::max(1.0, limit_ / 2);
      const double wait = std::min(kLongestPause, failure.retry_after);
      asked_to_wait_until_ = std::max(asked_to_wait_until_, now + to_clock(wait));
    } else if (unreached_ < kBreak || is_trying_) {  // those that were under way when it was closed say nothing new
      is_trying_ = false;
      if (++unreached_ >= kBreak) down_until_ = now + to_clock(pause());
    }
  }

 private:
  double pause() const { return std::min(kLongestPause, std::ldexp(0.5, std::min(unreached_ - kBreak, 16))); }

  double limit_ = kMost;
  std::optional<SteadyClock::time_point> failing_since_;  // the first failure with no good answer since
  Failure last_{Fault::kConnect, {}};
  SteadyClock::time_point asked_to_wait_until_;
  int unreached_ = 0;  // failures in a row to reach it
  bool is_trying_ = false;
  SteadyClock::time_point down_until_;
};

}  // namespace atelier
