#include "train/trainer.h"

#include <fmt/format.h>
#include <stdexcept>

#include "models/weights.h"
#include "train/precision.h"
#include "train/schedule.h"

namespace atelier {

Trainer::Trainer(Objective& objective, const Config& config, RunState state)
    : objective_(objective), config_(config), state_(std::move(state)), players_(objective.players()) {
  for (const Player& player : players_) {
    optimizers_.emplace_back(player, config.train.weight_decay, state_.choices.precision.dtype);
    if (state_.scalers.contains(player.name)) optimizers_.back().scaler().load(state_.scalers[player.name]);
    if (player.averaged) averages_.emplace_back(player, static_cast<double>(config.train.average_halflife));
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
  objective_.observe(examples, config_.seed);  // before the averages, which copy what it noted
  for (Average& average : averages_) average.update(clock.position(), clock.batch());
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
  for (const Average& average : averages_) snapshot.average.merge(average.state());
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
}

}  // namespace atelier
