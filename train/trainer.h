#pragma once

#include <optional>
#include <torch/types.h>
#include <vector>

#include "configs/config.h"
#include "models/objective.h"
#include "train/average.h"
#include "train/checkpoint.h"
#include "train/fault_finder.h"
#include "train/optimizer.h"
#include "train/phases.h"
#include "train/run_state.h"

namespace atelier {

/// Why updates were left out: a loss or gradient that was not finite. In float16 gradients that overflow are a fault
/// only where the scale of the loss cannot fall any more.
struct StepFault {
  size_t player = 0;            ///< the first one that had it
  bool in_loss = false;         ///< else in the gradients alone
  std::vector<size_t> samples;  ///< of the batch: those whose own loss was not finite
};

/// What a second pass over a faulty batch showed.
struct Replay {
  bool reproduced = false;          ///< the loss or a gradient was not finite again
  std::optional<FaultPlace> place;  ///< where that began; nothing: no operator was seen to begin it
};

/// What one step did.
struct StepResult {
  std::vector<double> losses;                     ///< mean over the batch, for each player
  std::vector<std::vector<float>> sample_losses;  ///< for each player, that of each sample
  std::vector<double> norms;                      ///< of each player's gradient, before clipping
  double rate = 0;                                ///< learning rate
  uint64_t skipped = 0;    ///< updates left out for a fault: that player's, and those of the players after it
  uint64_t overflows = 0;  ///< updates left out because the scale of the loss was too large for float16
  std::optional<StepFault> fault;
  PhaseTimes times{};  ///< without waiting and copying
};

/// Batch -> loss -> step. Owns optimizers, scalers and averages; the objective owns the networks. Bit for bit the same
/// from the same state on the same machine with the same threads. Not thread-safe.
class Trainer {
 public:
  /// `objective` is on state.choices.device already and outlives the trainer.
  Trainer(Objective& objective, const Config& config, RunState state);

  /// One step on `examples`, which hold this process's share of the global batch at clock().position(): the passes of
  /// state().choices.micro_batch images at a time, whose gradients add up, then the update. With fewer images at a time
  /// the losses are the same but for rounding.
  StepResult step(const Examples& examples);

  /// The passes of a step on `examples`, without its update, to see whether they fit into memory; changes nothing.
  void rehearse(const Examples& examples);

  /// From here on so many images at a time, at most; 0: all of a step.
  void set_micro_batch(uint64_t images) { state_.choices.micro_batch = images; }

  /// Throws std::invalid_argument when more than 100 steps in a row, up to the last one, were not finite.
  void refuse_divergence() const;

  /// Goes again, watched, through the passes that gave `fault` to the step just made on `examples`: its player's
  /// weights are those of then, and so is every draw. Changes nothing that a run goes on from.
  Replay replay(const Examples& examples, const StepFault& fault);

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

  torch::Tensor losses(size_t player, const Examples& examples);
  torch::Tensor mean_loss(const torch::Tensor& losses) const;
  std::vector<Examples> parts_of(const Examples& examples) const;
  torch::Tensor accumulate(size_t player, const std::vector<Examples>& parts, PhaseClock& times);
  void count(const StepResult& result);

  Objective& objective_;
  Config config_;
  RunState state_;
  std::vector<Player> players_;
  std::vector<Optimizer> optimizers_;              // parallel to players_
  std::vector<Average> averages_, long_averages_;  // of the averaged players
};

}  // namespace atelier
