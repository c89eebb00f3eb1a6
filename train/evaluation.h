#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "data/stream.h"
#include "models/objective.h"
#include "train/distances.h"
#include "train/feature_extractor.h"

namespace atelier {

/// How the pictures that are judged are generated.
struct Sampling {
  int steps = 18;       ///< of the sampler (diffusion)
  double guidance = 1;  ///< classifier-free guidance scale (diffusion); 1: none
  uint64_t seed = 0;    ///< of the first picture; the next ones have the next
  /// What the network calls each label of the list, by the list's number of it.
  std::vector<int64_t> labels = {};
};

/// What `atelier-train evaluate` finds.
struct Evaluation {
  int64_t pictures = 0;  ///< real ones, and as many generated ones
  int64_t features = 0;  ///< of each
  double frechet = 0, kernel = 0;
  PrecisionRecall shares;
};

/// Compares `count` pictures of `real` with as many that `network` generates, each with the label and the condition of
/// its counterpart. A pure function of its arguments; pictures stay in memory for a batch only, their features all
/// along.
///   told  called after each batch with the pictures so far
/// Throws Interrupted (configs/console.h) once `stop` is requested, std::invalid_argument when there are fewer than 2
/// pictures.
Evaluation evaluate(Objective& network, torch::Device device, Stream& real, int64_t count, const Sampling& sampling,
                    FeatureExtractor& features, const std::function<void(int64_t done)>& told,
                    const std::stop_token& stop);

}  // namespace atelier
