#include "train/average.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <stdexcept>

namespace atelier {

double average_keep(double halflife, uint64_t position, uint64_t batch) {
  const double limited = std::min(halflife, 0.05 * static_cast<double>(position));
  return std::exp2(-static_cast<double>(batch) / std::max(limited, 1e-8));
}

Average::Average(const Player& player, double halflife) : player_(player.name), halflife_(halflife) {
  const torch::NoGradGuard no_grad;
  const auto add = [&](const auto& items) {
    for (const auto& item : items) {
      names_.push_back(fmt::format("{}.{}", player_, item.key()));
      weights_.push_back(item.value());
      averages_.push_back(item.value().detach().clone());
    }
  };
  add(player.module->named_parameters());
  parameters_ = names_.size();
  add(player.module->named_buffers());
}

void Average::update(uint64_t position, uint64_t batch) {
  const torch::NoGradGuard no_grad;
  const at::TensorList weights(weights_), averages(averages_);
  const double keep = average_keep(halflife_, position, batch);
  at::_foreach_lerp_(averages.slice(0, parameters_), weights.slice(0, parameters_), 1 - keep);
  for (size_t i = parameters_; i < names_.size(); ++i) averages_[i].copy_(weights_[i]);
}

std::map<std::string, torch::Tensor> Average::state() const {
  std::map<std::string, torch::Tensor> state;
  for (size_t i = 0; i < names_.size(); ++i) state.emplace(names_[i], averages_[i]);
  return state;
}

void Average::load(const std::map<std::string, torch::Tensor>& state) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto saved = state.find(names_[i]);
    if (saved == state.end()) throw std::invalid_argument(fmt::format("The averages have no {}.", names_[i]));
    if (saved->second.sizes() != averages_[i].sizes())
      throw std::invalid_argument(fmt::format("{} of the averages has another shape.", names_[i]));
  }
  for (size_t i = 0; i < names_.size(); ++i) averages_[i].copy_(state.at(names_[i]));
}

void Average::swap() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < names_.size(); ++i) {
    const torch::Tensor weight = weights_[i].detach().clone();
    weights_[i].copy_(averages_[i]);
    averages_[i].copy_(weight);
  }
}

WithAverages::WithAverages(std::vector<Average>& averages) : averages_(averages) {
  for (auto& average : averages_) average.swap();
}

WithAverages::~WithAverages() {
  for (auto& average : averages_) average.swap();
}

}  // namespace atelier
