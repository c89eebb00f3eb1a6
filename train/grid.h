#pragma once

#include "images/image.h"
#include "train/examples.h"
#include "train/trainer.h"

namespace atelier {

/// Rows of a sample grid, at most.
inline constexpr int64_t kGridRows = 8;

/// Pictures that show how far a run is, from the averaged weights.
///   conditioned models    a row for each of up to kGridRows of `examples`: the sketch, the real piece, four variations
///   unconditioned models  a row for each of up to kGridRows labels: four variations; `examples` are not looked at
///   most  rows; of kGridRows at most
/// Variation v follows from the run's seed + v, the same in every grid of the run.
Image sample_grid(Trainer& trainer, const Examples& examples, int64_t most = kGridRows);

}  // namespace atelier
