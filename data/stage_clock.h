#pragma once

#include <algorithm>

#include "data/retry.h"
#include "data/stream.h"

namespace atelier {

/// What the stages are doing at a moment.
struct StageActivity {
  uint64_t transfers = 0;     ///< under way
  bool out_of_room = false;   ///< none may begin: the budget or the look-ahead is used up
  uint64_t decoding = 0;      ///< images being decoded, or waiting for a thread or for memory
  bool decode_waits = false;  ///< any of them for memory
  uint64_t finished = 0;      ///< samples that wait to be taken
};

/// Adds up what the stages did between one moment and the next.
class StageClock {
 public:
  explicit StageClock(int threads) : threads_(threads), last_(SteadyClock::now()) {}

  /// `activity` is what went on since the last call.
  void tick(SteadyClock::time_point now, const StageActivity& activity) {
    const double passed = Seconds(now - last_).count();
    last_ = now;
    (activity.transfers > 0 ? fetch_.busy : activity.out_of_room ? fetch_.blocked : fetch_.starved) += passed;
    (activity.decode_waits ? decode_.blocked : decode_.starved) += passed;
    fetch_.waiting_total += static_cast<double>(activity.transfers) * passed;
    decode_.waiting_total += static_cast<double>(activity.decoding) * passed;
    deliver_.waiting_total += static_cast<double>(activity.finished) * passed;
  }

  void note_fetch(double seconds, uint64_t bytes) {
    fetch_.item.add(seconds);
    fetch_.bytes += bytes;
  }
  void note_decode(double seconds, uint64_t bytes) {
    decode_.item.add(seconds);
    decode_.bytes += bytes;
    decode_.busy += seconds / threads_;
  }

  const StageReport& fetch() const { return fetch_; }
  /// What its threads were not busy is shared out as the time was in which something waited for memory or not.
  StageReport decode() const {
    StageReport decode = decode_;
    const double passed = decode_.starved + decode_.blocked;
    const double idle = passed > 0 ? std::max(0.0, 1 - decode_.busy / passed) : 0;
    decode.starved *= idle;
    decode.blocked *= idle;
    return decode;
  }
  /// Only what waits for it: the rest is the consumer's to know.
  const StageReport& deliver() const { return deliver_; }

 private:
  const int threads_;
  SteadyClock::time_point last_;
  StageReport fetch_, deliver_;
  StageReport decode_;  // starved and blocked with the time that threads were busy
};

}  // namespace atelier
