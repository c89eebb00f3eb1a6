#include "train/trainer.h"

#include <fmt/format.h>
#include <stdexcept>

#include "models/weights.h"
#include "train/average_snapshots.h"
#include "train/precision.h"
#include "train/schedule.h"

namespace atelier {

Trainer::Trainer(Objective& objective, const Config& config, RunState state)
    : objective_(objective), config_(config), state_(std::move(state)), players_(objective.players()) {
  for (const Player& player : players_) {
    optimizers_.emplace_back(player, config.train.weight_decay, state_.choices.precision.dtype);
    if (state_.scalers.contains(player.name)) optimizers_.back().scaler().load(state_.scalers[player.name]);
    if (!player.averaged) continue;
    const auto [shorter, longer] = state_.averaged[player.name];
    averages_.emplace_back(player, kShortLength, shorter);
    long_averages_.emplace_back(player, kLongLength, longer);
  }
}

torch::Tensor Trainer::mean_loss(size_t player, const Examples& examples) {
  const Autocast autocast(state_.choices.device, state_.choices.precision.dtype);
  const torch::Tensor losses = objective_.loss(player, examples, config_.seed);  // [N]
  return losses.to(torch::kFloat32).sum() / static_cast<double>(state_.clock.batch());
}

StepResult Trainer::step(const Examples& examples) {
  Clock& clock = state_.clock;
  const double middle = static_cast<double>(clock.position()) + 0.5 * static_cast<double>(clock.batch());
  StepResult result;
  result.rate = learning_rate(config_.train, middle, clock.total());
  for (size_t player = 0; player < players_.size(); ++player) {
    Optimizer& optimizer = optimizers_[player];
    optimizer.zero_gradients();
    const torch::Tensor loss = mean_loss(player, examples);
    optimizer.backward(loss);
    const Update update = optimizer.step(result.rate, config_.train.clip);
    result.losses.push_back(loss.item<double>());
    result.norms.push_back(update.norm);
    result.skipped += update.skipped;
  }
  clock.advance();
  objective_.observe(examples, config_.seed);
  const bool kept = average_snapshot_due(clock, config_.train.average_snapshots);
  for (auto* averages : {&averages_, &long_averages_})
    for (Average& average : *averages) average.update(clock.position(), kept);
  count_skips(result.skipped);
  return result;
}

void Trainer::count_skips(uint64_t skipped) {
  state_.skipped += skipped;
  state_.skips_in_a_row = skipped > 0 ? state_.skips_in_a_row + 1 : 0;
  if (state_.skips_in_a_row > kMostSkips)
    throw std::runtime_error(fmt::format(
        "Training has diverged: loss or gradients were not finite in {} steps in a row, up to step {}. Lower "
        "train.learning_rate or set train.precision to float32, and resume.",
        state_.skips_in_a_row, clock().step()));
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
