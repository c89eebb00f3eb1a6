#include "train/optimizer.h"

#include <fmt/format.h>
#include <optional>
#include <stdexcept>

namespace atelier {
namespace {

torch::Device device_of(const Player& player) {
  const auto parameters = player.module->parameters();
  return parameters.empty() ? torch::Device(torch::kCPU) : parameters.front().device();
}

}  // namespace

std::vector<Update> read_updates(const std::vector<PendingUpdate>& pending) {
  std::vector<torch::Tensor> numbers;
  for (const auto& [loss, norm, skipped, fault, sample_losses] : pending) {
    numbers.insert(numbers.end(), {loss, norm, skipped, fault});
    if (sample_losses.defined()) numbers.push_back(sample_losses);
  }
  const torch::Tensor there = torch::cat(numbers).cpu();
  const float* at = there.data_ptr<float>();
  std::vector<Update> updates;
  for (const PendingUpdate& each : pending) {
    const float *samples = at + 4, *end = samples + (each.sample_losses.defined() ? each.sample_losses.numel() : 0);
    updates.push_back({at[0], at[1], at[2] != 0, at[3] != 0, {samples, end}});
    at = end;
  }
  return updates;
}

Optimizer::Optimizer(const Player& player, double weight_decay, torch::ScalarType dtype)
    : player_(player.name),
      adam_(player.adam),
      weight_decay_(weight_decay),
      scaler_(dtype, device_of(player)),
      steps_(torch::zeros({1}, torch::TensorOptions(torch::kFloat32).device(device_of(player)))) {
  for (auto& item : player.module->named_parameters()) {
    auto& parameter = item.value();
    if (!parameter.requires_grad()) continue;
    names_.push_back(item.key());
    parameters_.push_back(parameter);
    mean_.push_back(torch::zeros_like(parameter));
    square_.push_back(torch::zeros_like(parameter));
  }
  if (names_.empty()) throw std::invalid_argument(fmt::format("The player {} has nothing to train.", player_));
}

void Optimizer::drop_gradients() {
  for (torch::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
  loss_ = torch::zeros_like(steps_);
}

void Optimizer::backward(const torch::Tensor& loss) {
  loss_ += loss.detach();
  scaler_.scale(loss).backward();
}

/// Parallel to names_; zeros of those that no loss depended on.
std::vector<torch::Tensor> Optimizer::gradients() const {
  std::vector<torch::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (const torch::Tensor& parameter : parameters_)
    gradients.push_back(parameter.grad().defined() ? parameter.grad() : torch::zeros_like(parameter));
  return gradients;
}

PendingUpdate Optimizer::step(double rate, double clip, const PendingUpdate* before) {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> gradients = this->gradients();
  const torch::Tensor norm = length(gradients);
  torch::Tensor found_inf = norm.isfinite().logical_not();
  const torch::Tensor bad_loss = loss_.isfinite().logical_not();
  torch::Tensor fault = bad_loss.logical_or(scaler_.exhausted().logical_and(found_inf));
  if (before) fault.logical_or_(before->fault);
  found_inf.logical_or_(bad_loss);
  const torch::Tensor skipped = fault.logical_or(found_inf).to(torch::kFloat32);
  steps_ += 1 - skipped;
  const std::vector<torch::Tensor> steps(names_.size(), steps_);  // one count for all: they are updated together
  std::optional<torch::Tensor> divisor;                           // of the gradients, within the kernel
  if (scaler_.adapts()) divisor = scaler_.divisor();
  if (clip > 0) divisor = scaler_.divisor() * ((norm + 1e-6) / clip).clamp_min(1);
  at::_fused_adamw_(parameters_, gradients, mean_, square_, {}, steps, rate, adam_.beta1, adam_.beta2, weight_decay_,
                    adam_.epsilon, /*amsgrad=*/false, /*maximize=*/false, divisor, skipped);
  scaler_.update(found_inf.to(torch::kFloat32));
  return {loss_, norm, skipped, fault.to(torch::kFloat32)};
}

bool Optimizer::finite() {
  const torch::NoGradGuard no_grad;
  return loss_.isfinite().logical_and(length(gradients()).isfinite()).item<bool>();
}

/// Of all gradients laid end to end, float32 [1]. Not finite where one of them is not, or is so large that its square
/// is not: that would stay in Adam's mean of the squares for good.
torch::Tensor Optimizer::length(const std::vector<torch::Tensor>& gradients) const {
  return torch::stack(at::_foreach_norm(gradients, 2)).norm() / scaler_.divisor();
}

std::map<std::string, torch::Tensor> Optimizer::state() const {
  std::map<std::string, torch::Tensor> state;
  for (size_t i = 0; i < names_.size(); ++i) {
    state.emplace(fmt::format("{}.exp_avg.{}", player_, names_[i]), mean_[i]);
    state.emplace(fmt::format("{}.exp_avg_sq.{}", player_, names_[i]), square_[i]);
  }
  state.emplace(player_ + ".step", steps_);
  return state;
}

void Optimizer::load(const std::map<std::string, torch::Tensor>& state) {
  const torch::NoGradGuard no_grad;
  const auto own = this->state();
  for (const auto& [name, tensor] : own) {
    const auto saved = state.find(name);
    if (saved == state.end()) throw std::invalid_argument(fmt::format("The optimizer's state has no {}.", name));
    if (saved->second.sizes() != tensor.sizes())
      throw std::invalid_argument(fmt::format("{} of the optimizer's state has another shape.", name));
  }
  for (const auto& [name, tensor] : own) tensor.copy_(state.at(name));
}

}  // namespace atelier
