#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "images/image.h"
#include "train/examples.h"
#include "train/trainer.h"

namespace atelier {

/// Rows of a sample grid, at most.
inline constexpr int64_t kGridRows = 12;

/// Which of some examples, whose labels these are (int64 [N]), a grid of at most `most` rows shows: the first one of
/// each label, then the second one of each, ..., sorted by label.
std::vector<int64_t> rows_to_show(const torch::Tensor& labels, int64_t most);

/// Pictures that show how far a run is, from the averaged weights.
///   conditioned models    a row for each of up to kGridRows of `examples` (rows_to_show): the sketch, the real piece,
///                         four variations
///   unconditioned models  a row for each of up to kGridRows labels: four variations; `examples` are not looked at
///   most  rows; of kGridRows at most
///   told  before each row: the share that is done; may throw to end it (show_share)
/// Variation v follows from the run's seed + v, the same in every grid of the run.
Image sample_grid(
    Trainer& trainer, const Examples& examples, int64_t most = kGridRows,
    const std::function<void(double share)>& told = [](double) {});

}  // namespace atelier
