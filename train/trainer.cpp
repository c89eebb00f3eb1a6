#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <stdexcept>

#include "models/weights.h"
#include "train/average_snapshots.h"
#include "train/examples.h"
#include "train/micro_batch.h"
#include "train/precision.h"
#include "train/schedule.h"

namespace atelier {
namespace {

void read(StepResult& result, std::vector<Update> updates) {
  for (Update& update : updates) {
    const size_t player = result.losses.size();
    result.losses.push_back(update.loss);
    result.norms.push_back(update.norm);
    result.sample_losses.push_back(std::move(update.sample_losses));
    result.skipped += update.fault;
    result.overflows += update.skipped && !update.fault;
    if (update.fault && !result.fault) result.fault = {player, !std::isfinite(update.loss), {}};
  }
  if (!result.fault) return;
  const std::vector<float>& losses = result.sample_losses[result.fault->player];
  for (size_t sample = 0; sample < losses.size(); ++sample)
    if (!std::isfinite(losses[sample])) result.fault->samples.push_back(sample);
}

/// While it lives, activations are kept: a backward pass that computes forward again would be taken for that.
class KeepsActivations {
 public:
  KeepsActivations(Objective& objective, bool otherwise) : objective_(objective), otherwise_(otherwise) {
    objective.set_recompute(false);
  }
  ~KeepsActivations() { objective_.set_recompute(otherwise_); }
  KeepsActivations(const KeepsActivations&) = delete;
  KeepsActivations& operator=(const KeepsActivations&) = delete;

 private:
  Objective& objective_;
  const bool otherwise_;
};

}  // namespace

Trainer::Trainer(Objective& objective, const Config& config, RunState state)
    : objective_(objective), config_(config), state_(std::move(state)), players_(objective.players()) {
  objective.set_recompute(config.train.recompute);
  for (const Player& player : players_) {
    optimizers_.emplace_back(player, config.train.weight_decay, state_.choices.precision.dtype);
    if (state_.scalers.contains(player.name)) optimizers_.back().scaler().load(state_.scalers[player.name]);
    if (!player.averaged) continue;
    if (state_.clock.position() > 0 && !state_.averaged.contains(player.name))
      throw std::invalid_argument(fmt::format("The run's state.json has no averages of the {}.", player.name));
    const auto [shorter, longer] = state_.averaged[player.name];
    averages_.emplace_back(player, kShortLength, shorter);
    long_averages_.emplace_back(player, kLongLength, longer);
  }
}

/// Of each sample, float32 [N].
torch::Tensor Trainer::losses(size_t player, const Examples& examples) {
  const Autocast autocast(state_.choices.device, state_.choices.precision.dtype);
  return objective_.loss(player, examples, config_.seed).to(torch::kFloat32);
}

torch::Tensor Trainer::mean_loss(const torch::Tensor& losses) const {
  return losses.sum() / static_cast<double>(state_.clock.batch());
}

/// As many images each as are computed at once.
std::vector<Examples> Trainer::parts_of(const Examples& examples) const {
  const auto images = static_cast<int64_t>(examples.positions.size());
  const auto at_once = static_cast<int64_t>(images_at_once(state_.choices, examples.positions.size()));
  if (at_once == images) return {examples};
  std::vector<Examples> parts;
  for (int64_t begin = 0; begin < images; begin += at_once)
    parts.push_back(slice(examples, begin, std::min(begin + at_once, images), state_.choices.device));
  return parts;
}

/// The gradients of one player's loss. Returns the loss of each sample, float32 [N].
torch::Tensor Trainer::accumulate(size_t player, const std::vector<Examples>& parts, PhaseClock& times) {
  optimizers_[player].drop_gradients();
  std::vector<torch::Tensor> all;
  for (const Examples& part : parts) {
    times.enter(Phase::kForward);
    const torch::Tensor own = losses(player, part);
    times.enter(Phase::kBackward);
    optimizers_[player].backward(mean_loss(own));
    all.push_back(own.detach());
  }
  return all.size() == 1 ? all.front() : torch::cat(all);
}

void Trainer::rehearse(const Examples& examples) {
  PhaseClock unread(Phase::kOther);
  for (size_t player = 0; player < players_.size(); ++player) accumulate(player, {examples}, unread);
  for (Optimizer& optimizer : optimizers_) optimizer.drop_gradients();
}

StepResult Trainer::step(const Examples& examples) {
  Clock& clock = state_.clock;
  const double middle = static_cast<double>(clock.position()) + 0.5 * static_cast<double>(clock.batch());
  PhaseClock times(Phase::kOther);
  StepResult result;
  result.rate = learning_rate(config_.train, middle, clock.total());
  const std::vector<Examples> parts = parts_of(examples);
  std::vector<PendingUpdate> updates;  // of each player
  for (size_t player = 0; player < players_.size(); ++player) {
    const torch::Tensor own = accumulate(player, parts, times);
    times.enter(Phase::kOptimizer);
    // A fault bars the players after it as well, so that their weights stay those that it came from.
    const PendingUpdate* const before = updates.empty() ? nullptr : &updates.back();
    updates.push_back(optimizers_[player].step(result.rate, config_.train.clip, before));
    updates.back().sample_losses = own;
  }
  clock.advance();
  times.enter(Phase::kAverages);
  const bool kept = average_snapshot_due(clock, config_.train.average_snapshots);
  for (auto* averages : {&averages_, &long_averages_})
    for (Average& average : *averages) average.update(clock.position(), kept);
  times.enter(Phase::kOther);
  read(result, read_updates(updates));  // waits for the device; all that is long is in its queue by now
  objective_.observe(examples, config_.seed);
  count(result);
  result.times = times.stop();
  return result;
}

/// A step that merely overflowed neither adds to a row of faults nor ends it.
void Trainer::count(const StepResult& result) {
  state_.skipped += result.skipped;
  state_.overflows += result.overflows;
  if (result.fault) ++state_.skips_in_a_row;
  if (result.skipped + result.overflows == 0) state_.skips_in_a_row = 0;
}

void Trainer::refuse_divergence() const {
  if (state_.skips_in_a_row > kMostSkips)
    throw std::invalid_argument(fmt::format(
        "Training has diverged: loss or gradients were not finite in {} steps in a row, up to step {}; {} says where; "
        "lower train.learning_rate or set train.precision to float32, and go on by --accept-changes.",
        state_.skips_in_a_row, clock().step(), config_.train.run_dir + "/faults.jsonl"));
}

Replay Trainer::replay(const Examples& examples, const StepFault& fault) {
  Optimizer& optimizer = optimizers_[fault.player];
  Replay replay;
  const std::vector<Examples> parts = parts_of(examples);
  const KeepsActivations keeps(objective_, config_.train.recompute);
  optimizer.drop_gradients();
  for (const Examples& part : parts) {
    FaultFinder finder(players_);
    const torch::Tensor loss = mean_loss(losses(fault.player, part));
    finder.turn_back();
    optimizer.backward(loss);
    if (!replay.place) replay.place = finder.place();
  }
  replay.reproduced = !optimizer.finite();
  const torch::NoGradGuard no_grad;  // the turns of the rest, for what the objective keeps from one to the next
  for (size_t player = fault.player + 1; player < players_.size(); ++player) losses(player, parts.back());
  return replay;
}

Snapshot Trainer::snapshot(const std::string& verdicts) const {
  Snapshot snapshot;
  snapshot.spec = objective_.spec();
  snapshot.verdicts = verdicts;
  RunState state = state_;
  for (size_t player = 0; player < players_.size(); ++player) {
    const auto& [name, module, adam, averaged] = players_[player];
    snapshot.model.merge(named_tensors(*module, name));
    snapshot.optimizer.merge(optimizers_[player].state());
    state.scalers[name] = optimizers_[player].scaler().state();
  }
  for (size_t i = 0; i < averages_.size(); ++i)
    state.averaged[averages_[i].player()] = {averages_[i].position(), long_averages_[i].position()};
  snapshot.average = state_of(averages_);
  snapshot.long_average = state_of(long_averages_);
  snapshot.state = to_json(state);
  return snapshot;
}

void Trainer::load(const std::filesystem::path& folder) {
  const TensorFile model = load_tensors(folder / "model.safetensors");
  for (const Player& player : players_) load_into(*player.module, player.name, model.tensors);
  const TensorFile optimizer = load_tensors(folder / "optimizer.safetensors");
  for (Optimizer& own : optimizers_) own.load(optimizer.tensors);
  const TensorFile average = load_tensors(folder / "ema.safetensors");
  for (Average& own : averages_) own.load(average.tensors);
  const TensorFile long_average = load_tensors(folder / "ema-long.safetensors");
  for (Average& own : long_averages_) own.load(long_average.tensors);
}

}  // namespace atelier
