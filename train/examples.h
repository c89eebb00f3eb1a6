#pragma once

#include <cstdint>
#include <functional>

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

/// The first samples of `plan`, at most `count` and at most one pass, without augmentation, in memory on the CPU.
///   told  at least twice a second: the share that is there; may throw to end it (show_share)
Examples fetch_examples(const Config& config, StreamPlan plan, int64_t count,
                        const std::function<void(double share)>& told);

}  // namespace atelier
