#pragma once

#include <cstdint>

#include "configs/config.h"

namespace atelier {

/// The learning rate at `position` samples since the start of a run of `total_positions`: rises linearly from 0 over
/// `config.warmup` positions, then stays (constant) or falls to 0 at the end along half a cosine (Loshchilov and Hutter
/// 2017, "SGDR", equation 5 without restarts). A pure function; a step uses the rate at the middle of its batch, so
/// that neither the first nor the last one is lost.
double learning_rate(const TrainConfig& config, double position, uint64_t total_positions);

}  // namespace atelier
