#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "configs/config.h"
#include "data/source.h"

namespace atelier {

/// What became of one question: its last answer, and the attempts that it took. `answer.ticket` is the question's
/// number.
struct Outcome {
  Answer answer;
  int tries = 1;
};

/// How many questions at once, and for how long each.
struct Patience {
  uint64_t seed = 0;     ///< of the random waits between tries
  double deadline = 0;   ///< seconds of retries after the first transient failure
  size_t at_once = 256;  ///< with the source at any time, those of hosts that let others wait included
};

/// For whole images: as many at once as data.memory and the connections bear, for data.sample_deadline.
Patience patience_for_images(const Config& config);

/// Asks a source for things that need no order: once each, and those that fail for a while again, after the stream's
/// waits (retry.h), until their deadline or their host's has passed.
///   request_of  makes the request of a number below `count`; its ticket is set here
///   take        is called on this thread, once for each, as the answers come
///   returns     false: `stop` was requested before every answer had come
/// Throws what ends the source, and what `take` throws.
bool ask_all(const MakeSource& make_source, uint64_t count, const Patience& patience,
             const std::function<Request(uint64_t number)>& request_of, const std::function<void(Outcome)>& take,
             const std::stop_token& stop);

}  // namespace atelier
