#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/examples.h"
#include "train/trainer.h"

namespace atelier {

/// Samples that a held-out loss is computed from, at most: they stay in memory.
inline constexpr int64_t kHeldOutSamples = 256;

/// A mean of Objective::held_out_loss, for the weights as they are and for their running averages.
struct MeanLoss {
  double raw = 0;
  double average = 0;
};

/// Over the samples of one label, or over those without one (an empty name).
struct LabelLoss {
  std::string label;
  int64_t samples = 0;
  MeanLoss loss;
};

struct HeldOutLoss {
  MeanLoss loss;                  ///< over all samples
  std::vector<LabelLoss> labels;  ///< of those that have samples, in the order of the model's labels
  std::string set;  ///< names the samples by their pixels: losses of one run over the same set can be compared
};

/// Over `examples` (on the CPU, at least one): the same noise and noise levels each time.
///   told  every few samples: the share that is done; may throw to end it (show_share)
HeldOutLoss held_out_loss(
    Trainer& trainer, const Examples& examples, const std::function<void(double share)>& told = [](double) {});

}  // namespace atelier
