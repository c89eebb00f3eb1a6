#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/flight.h"

namespace atelier {

/// The oldest sample of a stream, which all others wait for.
struct OldestSample {
  uint64_t position = 0, row = 0;
  std::string url;
  Flight::State state = Flight::State::kWanted;
  SteadyClock::time_point due;  ///< of the next try, for kWaiting
};

/// Where a stream stands.
struct Standing {
  std::optional<OldestSample> oldest;
  uint64_t transfers = 0;
  int decoding = 0;
};

/// What ends a stream in which nothing has moved for `limit` seconds.
///   at_work  the stream's own thread is busy with something instead of waiting
std::string stall_sentence(const Standing& standing, bool at_work, double limit);

}  // namespace atelier
