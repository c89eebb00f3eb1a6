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
/// of good answers, half when the host is too busy or too slow. Retry-After closes the host for as long as it asks, a
/// minute at most, as it may have meant one image only; so do kBreak failures in a row to reach it at all, for 0.5, 1,
/// 2, ... 60 s, after each of which one request may try (a circuit breaker, half open). A closed host's requests fail
/// at once, with its last failure.
class HostHealth {
 public:
  static constexpr int kMost = 16;  ///< requests at once
  static constexpr int kBreak = 5;
  static constexpr double kLongestPause = 60;  ///< seconds

  /// Requests that it may be asked at once.
  int limit() const { return static_cast<int>(limit_); }
  /// Nothing worth remembering.
  bool is_well() const { return limit_ >= kMost && unreached_ == 0 && !closed_; }

  /// Nothing: ask it. Else what a request gets instead.
  std::optional<Failure> refuse(SteadyClock::time_point now) {
    if (!closed_) return std::nullopt;
    const double left = Seconds(closed_until_ - now).count();
    if (left > 0) {
      Failure failure = last_;
      failure.retry_after = left;
      failure.not_asked = true;
      failure.host_down = unreached_ >= kBreak ? Seconds(now - down_since_).count() : 0;
      return failure;
    }
    if (unreached_ < kBreak) {
      closed_ = false;
    } else {
      closed_until_ = now + to_clock(pause());  // for the others, while this one tries
    }
    return std::nullopt;
  }

  void note_answer() {
    unreached_ = 0;
    closed_ = false;
    limit_ = std::min<double>(kMost, limit_ + 1 / limit_);
  }

  void note_failure(const Failure& failure, SteadyClock::time_point now) {
    const bool is_busy = failure.status == 429 || failure.status == 503;
    if (is_busy || failure.fault == Fault::kTimeout) {
      limit_ = std::max(1.0, limit_ / 2);
    } else if (!is_unreachable(failure.fault)) {
      return note_answer();
    }
    if (is_unreachable(failure.fault)) {
      if (unreached_++ == 0) down_since_ = now;
      if (unreached_ >= kBreak) close(failure, now, pause());
    } else {
      unreached_ = 0;
      if (failure.retry_after > 0) close(failure, now, std::min(kLongestPause, failure.retry_after));
    }
  }

 private:
  double pause() const { return std::min(kLongestPause, std::ldexp(0.5, std::min(unreached_ - kBreak, 16))); }
  void close(const Failure& failure, SteadyClock::time_point now, double seconds) {
    closed_ = true;
    last_ = failure;
    closed_until_ = std::max(closed_until_, now + to_clock(seconds));
  }

  double limit_ = kMost;
  int unreached_ = 0;  // failures in a row to reach it
  SteadyClock::time_point down_since_;
  bool closed_ = false;
  Failure last_{Fault::kConnect, {}};  // what closed it
  SteadyClock::time_point closed_until_;
};

}  // namespace atelier
