#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <torch/torch.h>
#include <vector>

#include "models/objective.h"

namespace atelier {

/// The share that an average keeps when `batch` samples are trained and `position` have been by then:
/// 0.5 ^ (batch / h), with h the half-life, at first limited to 5 % of the way (Karras et al. 2022, "Elucidating the
/// design space of diffusion-based generative models", code of the paper: EMA ramp-up ratio 0.05).
double average_keep(double halflife, uint64_t position, uint64_t batch);

/// The running average of one player's weights, on the player's device. Buffers are copied, not averaged.
class Average {
 public:
  /// Starts from the module's present weights. `halflife` in positions.
  Average(const Player& player, double halflife);

  /// After a step of `batch` samples that ended at `position`.
  void update(uint64_t position, uint64_t batch);

  /// "<player>.<parameter or buffer>": the names of the module itself. The tensors are the average's own.
  std::map<std::string, torch::Tensor> state() const;

  /// Copies state() of another one. Throws std::invalid_argument that names the first tensor that is missing or of
  /// another shape; then nothing has been changed.
  void load(const std::map<std::string, torch::Tensor>& state);

  /// Exchanges the module's weights with the averages; a second call exchanges them back.
  void swap();

 private:
  std::string player_;
  double halflife_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> weights_, averages_;  // parallel; parameters first, then buffers
  size_t parameters_ = 0;                          // how many of them are parameters
};

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
