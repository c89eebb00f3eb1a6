#pragma once

#include <filesystem>
#include <memory>
#include <torch/types.h>

namespace atelier {

/// A network that judges pictures, as a TorchScript file:
///
///   uint8 [N, 3, H, W], RGB of any side -> float [N, D]
///
/// What else it needs (another side, another range, normalisation) it does itself; docs/training.md shows how to wrap
/// one. TorchScript is a program: use files of people that you trust. Not thread-safe.
class FeatureExtractor {
 public:
  /// Throws std::invalid_argument when `file` is no TorchScript.
  FeatureExtractor(const std::filesystem::path& file, torch::Device device);
  ~FeatureExtractor();
  FeatureExtractor(FeatureExtractor&&) noexcept;

  /// Float64 [N, D] on the CPU. Throws std::invalid_argument when it does not give that, or numbers that are not
  /// finite.
  torch::Tensor operator()(const torch::Tensor& pictures);

 private:
  struct Module;
  std::filesystem::path file_;
  torch::Device device_;
  std::unique_ptr<Module> module_;
};

}  // namespace atelier
