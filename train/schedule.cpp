#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace atelier {

double learning_rate(const TrainConfig& config, double position, uint64_t total_positions) {
  const double warmup = static_cast<double>(config.warmup), total = static_cast<double>(total_positions);
  if (position < warmup) return config.learning_rate * position / warmup;
  if (config.rate_schedule == RateSchedule::kConstant || total <= warmup) return config.learning_rate;
  const double done = std::min(1.0, (position - warmup) / (total - warmup));
  return config.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace atelier
