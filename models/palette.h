#pragma once

#include <cstdint>
#include <torch/nn/module.h>
#include <vector>

namespace atelier {

/// The mean colour of what stands in front of the background, uint8 [N, 3], of images uint8 [N, 3, H, W].
///
/// The background is the lightest value of each channel, which is white on a white page and stays the page when the
/// whole image was darkened; foreground is what is darker by more than 8 levels in any channel. An image without any
/// has the colour of its background.
torch::Tensor foreground_colors(const torch::Tensor& images);

/// The colours that designs of each label had in training: for each label a uniform sample of all that were noted
/// (reservoir sampling, Vitter 1985, algorithm R). Two buffers, so that it is saved and loaded with a network's
/// weights.
struct PaletteImpl : torch::nn::Module {
  static constexpr int64_t kColors = 64;       ///< kept for each label
  static constexpr double kLongestWay = 0.35;  ///< share of the distance between two colours

  /// Labels are 0 to label_count - 1, and -1 for "none", which has a row of its own.
  explicit PaletteImpl(int64_t label_count);

  /// Notes colors [N, 3] uint8 under labels [N]. What is kept follows from (seed, positions) and the order of calls.
  void note(const torch::Tensor& labels, const torch::Tensor& colors, const std::vector<uint64_t>& positions,
            uint64_t seed);

  /// A colour for a design of `label`, uint8 [3] on the CPU, chosen by `seed`: one that was noted under the label
  /// (under any, where it has none), moved at most kLongestWay towards one of any label, so that a label with few
  /// pieces still has as many colours as there are seeds. Where nothing was ever noted, mid-grey.
  torch::Tensor draw(int64_t label, uint64_t seed) const;

  torch::Tensor colors;  ///< uint8 [label_count + 1, kColors, 3]; the last row is for "none"
  torch::Tensor counts;  ///< int64 [label_count + 1]: colours noted so far, kept or not

 private:
  int64_t row_of(int64_t label) const { return label < 0 ? counts.size(0) - 1 : label; }
};
TORCH_MODULE(Palette);

}  // namespace atelier
