#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

#include "base/random.h"
#include "data/failure.h"

/// When a failed transfer is tried again, and what counts as an outage.
namespace atelier {

using SteadyClock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

inline SteadyClock::duration to_clock(double seconds) {
  return std::chrono::duration_cast<SteadyClock::duration>(Seconds(seconds));
}

/// Seconds before try `tries` + 1: uniform in [0, 0.5 * 2^(tries - 1)], at most [0, 30] ("full jitter", Brooker 2015),
/// and never less than the server asked for.
inline double retry_delay(uint64_t seed, uint64_t position, int tries, double retry_after) {
  constexpr double kFirst = 0.5, kLongest = 30;
  const double range = std::min(kLongest, std::ldexp(kFirst, std::min(tries - 1, 16)));
  const double jitter = random_uniform(seed, position, Purpose::kRetry, static_cast<uint64_t>(tries));
  return std::max(retry_after, range * jitter);
}

/// How often one entry has been asked for, and since when it has been failing.
struct Tries {
  int count = 0;
  SteadyClock::time_point first_failure;  ///< the deadline counts from here, as a first try may queue for long

  /// Notes a failure. Returns since when the entry has been failing: a host that has been for longer has been failing
  /// for this entry, too. A failure of a host that was not even asked is no try.
  SteadyClock::time_point note(const Failure& failure, SteadyClock::time_point now) {
    if (failure.not_asked) --count;
    if (count == 1 && !failure.not_asked) first_failure = now;
    const auto since = now - to_clock(failure.host_down);
    return count > 0 ? std::min(since, first_failure) : since;
  }
};

/// Whether there is no time for another try within the `left` seconds.
inline bool is_overdue(const Failure& failure, double left) {
  return left <= 0 || (!failure.not_asked && failure.retry_after > left);
}

/// Nobody was there to answer.
inline bool is_unreachable(Fault fault) { return fault == Fault::kDns || fault == Fault::kConnect; }

/// Somebody answered, if only to refuse.
inline bool is_answer(Fault fault) {
  return fault == Fault::kTls || fault == Fault::kConnection || fault == Fault::kHttpStatus ||
         fault == Fault::kRedirects || fault == Fault::kOptOut || fault == Fault::kTooLargeByHead ||
         fault == Fault::kTooLargeInBody;
}

/// Watches whether any host can be reached at all.
class Reachability {
 public:
  explicit Reachability(double outage_limit) : limit_(to_clock(outage_limit)) {}

  void note_answer(SteadyClock::time_point now) {
    last_answer_ = now;
    outage_since_.reset();
  }
  void note_unreachable(SteadyClock::time_point now) {
    if (!outage_since_) outage_since_ = now;
  }

  bool answered_since(SteadyClock::time_point moment) const { return last_answer_ && *last_answer_ >= moment; }
  /// When the run ends unless somebody answers before.
  std::optional<SteadyClock::time_point> end() const {
    return outage_since_ ? std::optional(*outage_since_ + limit_) : std::nullopt;
  }

 private:
  const SteadyClock::duration limit_;
  std::optional<SteadyClock::time_point> last_answer_;
  std::optional<SteadyClock::time_point> outage_since_;  // the first failure with no answer since
};

}  // namespace atelier
