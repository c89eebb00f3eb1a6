#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <torch/types.h>
#include <vector>

#include "configs/config.h"

/// Mixed precision: which arithmetic the forward and backward passes use. Weights, gradients and the optimizer's state
/// are float32 always (Micikevicius et al. 2018, "Mixed precision training", section 3.1).
namespace atelier {

/// The arithmetic of a run, and why.
struct PrecisionChoice {
  torch::ScalarType dtype = torch::kFloat32;  ///< float32, bfloat16 or float16
  std::string why;                            ///< one clause: "asked for", "12 ms a test step against 31 ms in float32"
};

/// What `wanted` stands for on `device`. `auto` times a small convolution training step of `channels` channels in
/// float32 and in bfloat16, in turns, and takes the faster one by the medians: a fraction of a second, and an early end
/// where bfloat16 has no hardware (20 to 40 times slower). float16 is never chosen, only asked for.
PrecisionChoice choose_precision(Precision wanted, torch::Device device, int channels = 64);
/// The choice between test steps that took so long; float32 where both took the same.
PrecisionChoice faster_precision(double float32_ms, double bfloat16_ms);

/// "float32", "bfloat16", "float16": as in settings, and back. precision_dtype throws std::invalid_argument.
std::string precision_name(torch::ScalarType dtype);
torch::ScalarType precision_dtype(const std::string& name);

/// While it lives, operators that profit compute in `dtype` on this thread; for float32 it does nothing. Keep it around
/// the forward pass only. Restores what was set before, and drops the cached low-precision copies of the weights.
class Autocast {
 public:
  Autocast(torch::Device device, torch::ScalarType dtype);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  bool active_, enabled_before_;
  torch::ScalarType dtype_before_;
};

/// Keeps small float16 gradients from vanishing: the loss is multiplied by a scale, the gradients are divided by it, a
/// step whose gradients overflow is skipped and halves the scale, 2,000 good ones in a row double it (Micikevicius et
/// al. 2018, section 3.2). It never falls below kSmallestScale. For float32 and bfloat16 the scale stays 1; steps that
/// are not finite are skipped all the same.
class GradientScaler {
 public:
  /// There gradients overflow by their own size, which no scale of the loss cures.
  static constexpr double kSmallestScale = 1;

  GradientScaler(torch::ScalarType dtype, torch::Device device);

  /// loss * scale.
  torch::Tensor scale(const torch::Tensor& loss) const;

  /// What the gradients of scale(loss) are to be divided by: float32 [1], on the device. 1 unless `adapts`.
  const torch::Tensor& divisor() const { return scale_; }
  bool adapts() const { return adapts_; }

  /// bool [1], on the device: a smaller scale cannot help.
  torch::Tensor exhausted() const { return scale_.le(kSmallestScale); }

  /// Adapts the scale after a step; `found_inf`, float32 [1]: 1 when its gradients were not finite, else 0.
  void update(const torch::Tensor& found_inf);

  double current_scale() const;

  nlohmann::json state() const;
  /// Throws std::invalid_argument on anything but what state() gave.
  void load(const nlohmann::json& state);

 private:
  static constexpr double kFirstScale = 65'536, kGrowth = 2, kBackoff = 0.5;
  static constexpr int64_t kGrowthInterval = 2'000;

  bool adapts_;
  torch::Tensor scale_;   // float32 [1]
  torch::Tensor growth_;  // int32 [1]: good steps since the last change
};

}  // namespace atelier
