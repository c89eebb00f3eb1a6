#pragma once

#include "train/examples.h"
#include "train/trainer.h"

namespace atelier {

/// Samples that a held-out loss is computed from, at most: they stay in memory.
inline constexpr int64_t kHeldOutSamples = 256;

/// The mean of Objective::held_out_loss over `examples` (on the CPU, at least one), for the weights as they are and for
/// their running averages.
struct HeldOutLoss {
  double raw = 0;
  double average = 0;
};
HeldOutLoss held_out_loss(Trainer& trainer, const Examples& examples);

}  // namespace atelier
