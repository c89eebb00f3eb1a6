#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "data/batch.h"
#include "data/stream.h"
#include "images/transform.h"
#include "train/examples.h"
#include "train/trainer.h"

/// What a run does again and again, done a few times to see how long it takes. Nothing is written.
namespace atelier {

/// A stream whose batches were taken as fast as they came.
struct StreamTrial {
  StreamReport report = {};
  double images_per_second = 0;  ///< usable ones, from the first batch on
  std::string end = {};          ///< why it cannot go on, in one sentence; empty: it can
};

/// `config` for a stream that is tried out: what fails for a while is asked again for 10 s at most, and an outage is
/// one after 30 s.
Config config_of_trial(const Config& config);

/// Takes batches for 10 s, or until 1,000 images have come in 1 s and more; then lets the stream read ahead again, as
/// it does in a run while a step computes. Throws std::runtime_error, one sentence, when no host can be reached or no
/// batch is there after 2 minutes.
///   last  the last batch that came
///   told  called a few times a second; it may throw
StreamTrial try_stream(Stream& stream, Batch& last, const std::function<void(const StreamReport&)>& told);

/// `count` samples of size `frame` made of `examples`: repeated, and stretched by repeating or leaving out pixels.
Examples fitted(const Examples& examples, int64_t count, const Size& frame);

/// Steps of the very trainer of a run.
struct StepTrial {
  Size frame = {};       ///< of its pictures
  int steps = 0;         ///< that were timed
  double seconds = 0;    ///< median of them
  uint64_t faults = 0;   ///< steps whose loss or gradients were not finite
  double held_out = 0;   ///< seconds for one held-out loss of the run; 0: there is none
  double grid = 0;       ///< seconds for one grid of samples
  std::string end = {};  ///< why no step can be made, in one sentence; empty: it can
};

/// Steps on `batch`, fitted to `frame`. The first one allocates and is not timed; three or more follow, until 2
/// seconds have gone by or 50 are done, but after 20 seconds one is enough. Then parts of a held-out loss of `held_out`
/// samples and of a grid, for times in proportion. The trainer is at another position afterwards, with other weights.
///   told  called before each of these with what it is; it may throw
StepTrial try_steps(Trainer& trainer, const Batch& batch, const Size& frame, int64_t held_out,
                    const std::function<void(const std::string& doing)>& told);

}  // namespace atelier
