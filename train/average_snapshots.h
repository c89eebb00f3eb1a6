#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <torch/types.h>
#include <vector>

#include "models/spec.h"
#include "train/average_profile.h"
#include "train/clock.h"

/// RUN/averages/NNNNNNNNNNNN/: both running averages at regular positions, kept while checkpoints come and go, so that
/// an average of another length can be made of them after training. docs/run-folder.md describes the files.
namespace atelier {

/// Whether the step that has just ended is one of the `count` at which a run keeps its averages: those that reach or
/// pass the multiples of total / count; the last of the run is one. `count` 0: never.
bool average_snapshot_due(const Clock& clock, int64_t count);

/// How many of them are still to come.
uint64_t average_snapshots_left(const Clock& clock, int64_t count);

/// What an average's weights file says of itself beside its tensors.
std::map<std::string, std::string> average_metadata(const ModelSpec& spec, uint64_t position, double length);

/// Publishes RUN/averages/NNNNNNNNNNNN/ whole, with a sealed state.json as checkpoints have. Throws std::runtime_error
/// when the disk refuses.
///   shorter, longer  state_of() the averages of kShortLength and of kLongLength, up to `position`
void write_average_snapshot(const std::filesystem::path& run_dir, uint64_t position, const ModelSpec& spec,
                            const std::map<std::string, torch::Tensor>& shorter,
                            const std::map<std::string, torch::Tensor>& longer);

/// Removes the snapshots beyond `position`, from where the run goes on, and what killed savings left behind.
void cut_average_snapshots(const std::filesystem::path& run_dir, uint64_t position);

/// An average on disk.
struct KeptAverage {
  std::filesystem::path file;
  uint64_t position;
  double exponent;
  Profile profile() const { return {static_cast<double>(position), exponent}; }
};

/// Of all snapshots of a run, by rising position, their hashes found right. Snapshots that cannot be used are named in
/// `warnings` and passed over. `progress` is told now and then which share is checked.
std::vector<KeptAverage> list_kept_averages(const std::filesystem::path& run_dir,
                                            const std::function<void(double share)>& progress,
                                            std::vector<std::string>& warnings);

}  // namespace atelier
