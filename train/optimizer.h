#pragma once

#include <map>
#include <string>
#include <torch/types.h>
#include <vector>

#include "models/objective.h"
#include "train/precision.h"

namespace atelier {

/// What one update did.
struct Update {
  double loss = 0;                   ///< sum of the losses it followed from
  double norm = 0;                   ///< length of the whole gradient before clipping
  bool skipped = false;              ///< left out, because something was not finite: weights and state are as before
  bool fault = false;                ///< and no smaller scale of the loss will cure it, or a fault before it barred it
  std::vector<float> sample_losses;  ///< as PendingUpdate has them
};

/// The same while it may still be under way on its device: float32 [1] each.
struct PendingUpdate {
  torch::Tensor loss, norm, skipped, fault;
  torch::Tensor sample_losses = {};  ///< float32 [N], to be read with the rest; undefined: none
};

/// Waits for the device, once for all of `pending`.
std::vector<Update> read_updates(const std::vector<PendingUpdate>& pending);

/// AdamW (Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2; without decay it is Adam)
/// for one player: unscale, clip and update in LibTorch's fused kernel.
///
/// The module must keep its parameters (no additions, no other device) while this lives. Not thread-safe.
class Optimizer {
 public:
  /// Parameters are player.module's, by name. `dtype` is the arithmetic of the passes: it decides about loss scaling.
  Optimizer(const Player& player, double weight_decay, torch::ScalarType dtype);

  /// Frees the gradients, so that backward need not add to them.
  void drop_gradients();

  /// Adds the gradients of `loss` (one number, float32) to this player's. A parameter that no loss depends on is
  /// updated as by zeros.
  void backward(const torch::Tensor& loss);

  /// One update with this learning rate; gradients longer than `clip` are shortened to it (0: never). A loss or a
  /// gradient's length that is not finite skips the update, in any precision, and so does a fault in `before`, the
  /// update of another player in the same step. The device decides: nothing waits for it.
  PendingUpdate step(double rate, double clip, const PendingUpdate* before = nullptr);

  /// Instead of a step: whether losses and gradients since drop_gradients are finite. Waits for the device.
  bool finite();

  /// "<player>.exp_avg.<parameter>", "<player>.exp_avg_sq.<parameter>" and "<player>.step" (float32 [1]). The tensors
  /// are the optimizer's own.
  std::map<std::string, torch::Tensor> state() const;

  /// Copies state() of another one. Throws std::invalid_argument that names the first tensor that is missing or of
  /// another shape; then nothing has been changed.
  void load(const std::map<std::string, torch::Tensor>& state);

  GradientScaler& scaler() { return scaler_; }
  const GradientScaler& scaler() const { return scaler_; }

 private:
  torch::Tensor length(const std::vector<torch::Tensor>& gradients) const;
  std::vector<torch::Tensor> gradients() const;

  std::string player_;
  AdamSettings adam_;
  double weight_decay_;
  GradientScaler scaler_;
  std::vector<std::string> names_;
  std::vector<torch::Tensor> parameters_, mean_, square_;  // parallel to names_
  torch::Tensor steps_;                                    // float32 [1]: updates that were not skipped
  torch::Tensor loss_;                                     // float32 [1]: sum since drop_gradients
};

}  // namespace atelier
