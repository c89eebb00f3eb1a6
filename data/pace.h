#pragma once

#include <cstdint>
#include <optional>

#include "data/retry.h"

namespace atelier {

/// Whether an answer comes fast enough: its first byte in time, and then no stretch of `slow_window` with fewer than
/// `slowest` bytes a second. Without that a body that drips would hold its connection for as long as a large one may
/// take. Judged as often as anybody looks; a slow one is found at the latest two windows after it became slow. A value;
/// time is what the caller says.
class Pace {
 public:
  enum class Late { kSilent, kSlow };
  struct Limits {
    double first_byte;   ///< seconds from the request to the first byte of the answer
    double slow_window;  ///< seconds
    double slowest;      ///< bytes a second
  };

  explicit Pace(const Limits& limits) : limits_(limits) {}

  /// Nothing: in time.
  ///   sent   whether the request is on its way; until then others watch
  ///   bytes  of the answer so far, headers included
  std::optional<Late> judge(SteadyClock::time_point now, bool sent, uint64_t bytes) {
    if (!sent) return std::nullopt;
    if (!is_sent_) since_ = now;
    is_sent_ = true;
    const double waited = Seconds(now - since_).count();
    if (bytes == 0) return waited >= limits_.first_byte ? std::optional(Late::kSilent) : std::nullopt;
    if (seen_ > 0 && waited < limits_.slow_window) return std::nullopt;
    if (seen_ > 0 && static_cast<double>(bytes) - static_cast<double>(seen_) < limits_.slowest * limits_.slow_window)
      return Late::kSlow;
    since_ = now;
    seen_ = bytes;
    return std::nullopt;
  }

 private:
  Limits limits_;
  bool is_sent_ = false;
  SteadyClock::time_point since_;  // the request was sent, or this window began
  uint64_t seen_ = 0;              // bytes when the window began
};

}  // namespace atelier
