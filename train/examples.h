#pragma once

#include <cstdint>

#include "configs/config.h"
#include "data/batch.h"
#include "data/stream.h"
#include "models/objective.h"

/// Batches as the networks take them.
namespace atelier {

/// `batch` on `device`. On the CPU the tensors are the batch's own memory, which they keep alive; nothing is copied.
Examples to_examples(const Batch& batch, torch::Device device);

/// Samples begin .. end - 1 of `examples`, on `device`.
Examples slice(const Examples& examples, int64_t begin, int64_t end, torch::Device device);

/// The first samples of `plan`, at most `count` and at most one pass, without augmentation, in memory on the
/// CPU. `stop` ends the wait: then there are fewer.
Examples fetch_examples(const Config& config, StreamPlan plan, int64_t count, const std::stop_token& stop);

}  // namespace atelier
