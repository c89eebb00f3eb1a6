#pragma once

#include <algorithm>

#include "data/retry.h"
#include "data/stream.h"

namespace atelier {

/// What the stages are doing at a moment.
struct StageActivity {
  bool transfers = false;    ///< some are under way
  bool out_of_room = false;  ///< none may begin: the budget or the look-ahead is used up
  int decoding = 0;          ///< images being decoded, or waiting for a thread
};

/// Adds up what fetching and decoding did between one moment and the next.
class StageClock {
 public:
  explicit StageClock(int threads) : threads_(threads), last_(SteadyClock::now()) {}

  /// `activity` is what went on since the last call.
  void tick(SteadyClock::time_point now, const StageActivity& activity) {
    const double passed = Seconds(now - last_).count();
    last_ = now;
    (activity.transfers ? fetch_.busy : activity.out_of_room ? fetch_.blocked : fetch_.starved) += passed;
    const double share = std::min(1.0, static_cast<double>(activity.decoding) / threads_);
    decode_.busy += share * passed;
    decode_.starved += (1 - share) * passed;
  }

  const StageTime& fetch() const { return fetch_; }
  const StageTime& decode() const { return decode_; }

 private:
  const int threads_;
  SteadyClock::time_point last_;
  StageTime fetch_, decode_;
};

}  // namespace atelier
