#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace atelier {

/// All that is needed to build a network again: written into the metadata of its weights, so that a weights file
/// explains itself.
struct ModelSpec {
  static constexpr size_t kMostLabels = 100'000;
  static constexpr double kMostGamma = 1'000;

  std::string kind = "diffusion";   ///< "diffusion" or "pix2pix"
  std::string objective = "edm";    ///< of diffusion: "edm" or "flow"
  int image_size = 64;              ///< H == W
  std::string condition = "none";   ///< "none", "outline" or "file"
  std::vector<std::string> labels;  ///< index is the number the network sees
  int channels = 64;
  int levels = 3;
  int blocks = 2;
  int attention_size = 16;
  double dropout = 0.1;
  double label_dropout = 0.1;    ///< share of samples trained without their label (diffusion)
  double condition_dropout = 0;  ///< share of them trained without their condition (diffusion)
  double min_snr_gamma = 0;      ///< largest weight of a loss, as a signal-to-noise ratio (diffusion); 0: none

  /// 0, 1 (outline) or 3 (file).
  int condition_channels() const { return condition == "none" ? 0 : condition == "outline" ? 1 : 3; }
  /// The weights of such a network take more bytes than this, as float32: on every level there is a convolution of 3x3
  /// or more from at least `channels` to at least `channels`, in diffusion one a block.
  uint64_t least_bytes() const {
    const auto width = static_cast<uint64_t>(channels);
    return 4 * 9 * width * width * static_cast<uint64_t>(levels) *
           static_cast<uint64_t>(kind == "diffusion" ? blocks : 1);
  }
  bool operator==(const ModelSpec&) const = default;
};

/// Leaves out `objective`, `condition_dropout` and `min_snr_gamma` where they are as above: programs that do not know
/// them read such a model, and refuse the others.
void to_json(nlohmann::json& json, const ModelSpec& spec);
/// Throws std::invalid_argument on missing, wrongly typed or out-of-range fields. Only those that to_json may leave out
/// may be missing.
void from_json(const nlohmann::json& json, ModelSpec& spec);

}  // namespace atelier
