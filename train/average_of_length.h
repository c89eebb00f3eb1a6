#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "models/weights_file.h"
#include "train/average_profile.h"
#include "train/average_snapshots.h"

/// An average of any length, made after training of the averages that a run has kept.
namespace atelier {

/// Largest predicted error of a profile (Blend::error) that is still an average of the length that was asked for.
inline constexpr double kLargestBlendError = 0.1;

/// The kept averages up to the snapshot at `position`. Throws std::invalid_argument when there is none at `position`,
/// or no other before it.
std::vector<KeptAverage> kept_until(const std::vector<KeptAverage>& kept, uint64_t position);

/// How to make the average of `length` at the position of the last of `kept`. Throws std::invalid_argument when that
/// would be off by more than kLargestBlendError.
Blend blend_to_length(const std::vector<KeptAverage>& kept, double length);

/// The blend of the files, summed in float64, as float32 weights that say their `length`; buffers and the network's
/// description are those of the last file. One file is in memory at a time. `progress` is told now and then which share
/// is read. Throws std::invalid_argument for files that do not fit together.
WeightsFile blend_files(const std::vector<KeptAverage>& kept, const Blend& blend, double length,
                        const std::function<void(double share)>& progress);

}  // namespace atelier
