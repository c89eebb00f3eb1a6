#pragma once

#include <torch/torch.h>
#include <vector>

#include "configs/config.h"
#include "models/objective.h"
#include "train/average.h"
#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/run_state.h"

namespace atelier {

/// What one step did.
struct StepResult {
  std::vector<double> losses;  ///< mean over the batch, for each player
  std::vector<double> norms;   ///< of each player's gradient, before clipping
  double rate = 0;             ///< learning rate
  uint64_t skipped = 0;        ///< updates left out because something was not finite
};

/// Batch -> loss -> step. Owns optimizers, scalers and averages; the objective owns the networks. Bit for bit the same
/// from the same state on the same machine with the same threads. Not thread-safe.
class Trainer {
 public:
  /// `objective` is on state.choices.device already and outlives the trainer.
  Trainer(Objective& objective, const Config& config, RunState state);

  /// One step on `examples`, which hold this process's share of the global batch at clock().position(). Throws
  /// std::runtime_error when more than 100 steps in a row were not finite.
  StepResult step(const Examples& examples);

  const Clock& clock() const { return state_.clock; }
  const RunState& state() const { return state_; }
  Objective& objective() { return objective_; }
  uint64_t seed() const { return config_.seed; }
  /// Those of kShortLength: lend them by WithAverages to see what the averaged weights do.
  std::vector<Average>& averages() { return averages_; }
  /// Those of kLongLength.
  const std::vector<Average>& long_averages() const { return long_averages_; }

  /// Everything to save; `verdicts` is the stream's ledger. The tensors are the live ones.
  Snapshot snapshot(const std::string& verdicts) const;

  /// Takes over the tensors of a checkpoint's folder; the state came with the constructor. Throws std::invalid_argument
  /// when they are not this model's.
  void load(const std::filesystem::path& folder);

 private:
  static constexpr uint64_t kMostSkips = 100;  // in a row

  torch::Tensor mean_loss(size_t player, const Examples& examples);
  void count_skips(uint64_t skipped);

  Objective& objective_;
  Config config_;
  RunState state_;
  std::vector<Player> players_;
  std::vector<Optimizer> optimizers_;              // parallel to players_
  std::vector<Average> averages_, long_averages_;  // of the averaged players
};

}  // namespace atelier
