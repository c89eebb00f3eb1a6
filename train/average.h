#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <torch/types.h>
#include <vector>

#include "models/objective.h"

namespace atelier {

/// Lengths of the two averages that a run keeps; train/average_profile.h says what a length is. The shorter one is
/// shown, measured and generated with; any length about and between follows from both, after training.
inline constexpr double kShortLength = 0.05, kLongLength = 0.10;

/// What the weights at position `to` weigh in an average that they enter, when those before entered at `from` < `to`:
/// 1 - (from / to)^(exponent + 1), which is 1 - beta of Karras et al. 2024, equation 1. Exact to rounding however
/// small.
double average_share(double exponent, uint64_t from, uint64_t to);

/// A running average of one player's weights over positions, on the player's device, float32. Buffers are never
/// averaged: what the module holds now, such as the colours it has seen, belongs to any average of its weights.
///
/// Every step's weights enter as long as their share is kLeastShare or more; in a run of so many steps that it would be
/// less, the weights of every second, third, ... step enter, each for the positions since the last one that did.
/// Below that, float32 would round away what they add (a weight that moves by less than 2^-24 / share of itself would
/// not move its average at all), at the price of a pass over all weights.
class Average {
 public:
  static constexpr double kLeastShare = 0x1p-10;

  /// Starts from the module's present weights, which the first update of a run replaces whole. `position` is up to
  /// where it has averaged.
  Average(const Player& player, double length, uint64_t position = 0);

  /// After a step that ended at `position`, also where it left the weights as they were. `now`: whatever their share.
  void update(uint64_t position, bool now = false);

  const std::string& player() const { return player_; }
  /// Up to where it has averaged.
  uint64_t position() const { return position_; }

  /// "<player>.<parameter or buffer>": the names of the module itself. The averages are this one's own tensors, the
  /// buffers the module's.
  std::map<std::string, torch::Tensor> state() const;

  /// Copies the averages of state() of another one. Throws std::invalid_argument that names the first that is missing
  /// or of another shape; then nothing has been changed.
  void load(const std::map<std::string, torch::Tensor>& state);

  /// Exchanges the module's weights with the averages; a second call exchanges them back.
  void swap();

 private:
  std::string player_;
  double exponent_;
  uint64_t position_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> weights_, averages_;  // parallel to names_
  std::map<std::string, torch::Tensor> buffers_;   // the module's own
};

/// state() of all of them.
std::map<std::string, torch::Tensor> state_of(const std::vector<Average>& averages);

/// While it lives, the modules of `averages` hold the averaged weights.
class WithAverages {
 public:
  explicit WithAverages(std::vector<Average>& averages);
  ~WithAverages();
  WithAverages(const WithAverages&) = delete;
  WithAverages& operator=(const WithAverages&) = delete;

 private:
  std::vector<Average>& averages_;
};

}  // namespace atelier
