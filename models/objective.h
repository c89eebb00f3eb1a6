#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <torch/nn/module.h>
#include <vector>

#include "models/spec.h"

namespace atelier {

/// A batch on the device. Images stay uint8 until the objective scales them to [-1, 1].
struct Examples {
  torch::Tensor images;             ///< uint8 [N, 3, H, W]
  torch::Tensor conditions;         ///< uint8 [N, C, H, W], or undefined
  torch::Tensor labels;             ///< int64 [N]; -1: none
  std::vector<uint64_t> positions;  ///< [N]; names of the random draws
};

/// What generate() is asked for. All tensors are on the objective's device.
struct Wish {
  torch::Tensor labels;         ///< int64 [N]; -1: none
  torch::Tensor conditions;     ///< uint8 [N, C, H, W], or undefined
  torch::Tensor colors;         ///< uint8 [N, 3]; undefined: drawn from the palette by seed (pix2pix)
  torch::Tensor start;          ///< uint8 [N, 3, H, W], or undefined: a design to start from (diffusion)
  double strength = 1.0;        ///< how far to leave `start`, 0..1
  int steps = 18;               ///< of the sampler (diffusion)
  double guidance = 1.0;        ///< classifier-free guidance scale (diffusion)
  std::vector<uint64_t> seeds;  ///< [N]; each picture follows from its own seed
};

/// Adam's constants that belong to the objective; the learning rate is the trainer's.
struct AdamSettings {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

/// One network with its own optimizer: one for diffusion, two for pix2pix.
struct Player {
  std::string name;  ///< prefix of its tensors on disk: "generator"
  std::shared_ptr<torch::nn::Module> module;
  AdamSettings adam;
  bool averaged = true;  ///< keeps a running average of its weights
};

/// How many numbers its network has.
int64_t parameter_count(const Player& player);

/// What is being trained: the seam that the trainer drives. Owns its networks; not thread-safe.
///
/// Law 10: no layer looks across the batch. Law 1: every draw is keyed by (seed, position); dropout too.
class Objective {
 public:
  virtual ~Objective() = default;

  /// In the order in which a step trains them. The modules are the objective's own, alive as long as it.
  virtual std::vector<Player> players() = 0;

  /// The loss of each sample, float32 [N], for players()[player]; gradients flow to that player's parameters only.
  /// Called once for each player, in order, on the same examples; a later call may reuse the earlier one's forward
  /// pass.
  virtual torch::Tensor loss(size_t player, const Examples& examples, uint64_t seed) = 0;

  /// A number to watch on held-out samples, float32 [N], without gradients or dropout: L1 for pix2pix (pixels in 0..1),
  /// the weighted denoising loss at fixed noise for diffusion.
  virtual torch::Tensor held_out_loss(const Examples& examples, uint64_t seed) = 0;
  /// What held_out_loss measures, for logs: "L1", "EDM loss".
  virtual std::string held_out_name() const = 0;

  /// Notes what later generations need to know of the data, such as colours (pix2pix). Called once a step.
  virtual void observe(const Examples&, uint64_t /*seed*/) {}

  /// Pictures, uint8 [N, 3, H, W]. Each depends on its own seed, label, condition and colour only.
  virtual torch::Tensor generate(const Wish& wish) = 0;
  /// The colours that generate() would use for `wish`, uint8 [N, 3]; undefined: this objective knows no colours.
  virtual torch::Tensor colors(const Wish&) { return {}; }

  /// From here on the backward pass computes activations again instead of keeping them all: less memory, a forward pass
  /// more, numbers that differ by rounding. Nothing where the objective has no use for it (pix2pix).
  virtual void set_recompute(bool) {}

  virtual const ModelSpec& spec() const = 0;
  void to(torch::Device device);
};

/// The objective that `spec.kind` names, weights initialised from `seed` (no LibTorch generator is used). Throws
/// std::invalid_argument when the spec cannot be built (such as a side that the levels do not divide).
std::unique_ptr<Objective> make_objective(const ModelSpec& spec, uint64_t seed);

}  // namespace atelier
