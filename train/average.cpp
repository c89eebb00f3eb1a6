#include "train/average.h"

#include <cmath>
#include <fmt/format.h>
#include <stdexcept>

#include "train/average_profile.h"

namespace atelier {

double average_share(double exponent, uint64_t from, uint64_t to) {
  const double fresh = static_cast<double>(to - from) / static_cast<double>(to);
  return -std::expm1((exponent + 1) * std::log1p(-fresh));
}

Average::Average(const Player& player, double length, uint64_t position)
    : player_(player.name), exponent_(exponent_of_length(length)), position_(position) {
  for (const auto& item : player.module->named_parameters()) {
    names_.push_back(fmt::format("{}.{}", player_, item.key()));
    weights_.push_back(item.value().detach());
    averages_.push_back(weights_.back().clone());
  }
  for (const auto& item : player.module->named_buffers())
    buffers_.emplace(fmt::format("{}.{}", player_, item.key()), item.value());
}

void Average::update(uint64_t position, bool now) {
  const double share = average_share(exponent_, position_, position);
  if (share < kLeastShare && !now) return;
  at::_foreach_lerp_(averages_, weights_, share);
  position_ = position;
}

std::map<std::string, torch::Tensor> Average::state() const {
  std::map<std::string, torch::Tensor> state = buffers_;
  for (size_t i = 0; i < names_.size(); ++i) state.emplace(names_[i], averages_[i]);
  return state;
}

void Average::load(const std::map<std::string, torch::Tensor>& state) {
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto saved = state.find(names_[i]);
    if (saved == state.end()) throw std::invalid_argument(fmt::format("The averages have no {}.", names_[i]));
    if (saved->second.sizes() != averages_[i].sizes())
      throw std::invalid_argument(fmt::format("{} of the averages has another shape.", names_[i]));
  }
  for (size_t i = 0; i < names_.size(); ++i) averages_[i].copy_(state.at(names_[i]));
}

void Average::swap() {
  for (size_t i = 0; i < names_.size(); ++i) {
    const torch::Tensor weight = weights_[i].clone();
    weights_[i].copy_(averages_[i]);
    averages_[i].copy_(weight);
  }
}

std::map<std::string, torch::Tensor> state_of(const std::vector<Average>& averages) {
  std::map<std::string, torch::Tensor> state;
  for (const Average& average : averages) state.merge(average.state());
  return state;
}

WithAverages::WithAverages(std::vector<Average>& averages) : averages_(averages) {
  for (auto& average : averages_) average.swap();
}

WithAverages::~WithAverages() {
  for (auto& average : averages_) average.swap();
}

}  // namespace atelier
