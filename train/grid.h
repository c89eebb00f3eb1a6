#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
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
/// Variation v follows from the run's seed + v, the same in every grid of the run. Nothing: `stop` was requested, which
/// is looked at before each row.
std::optional<Image> sample_grid(Trainer& trainer, const Examples& examples, const std::stop_token& stop = {},
                                 int64_t most = kGridRows);

}  // namespace atelier
