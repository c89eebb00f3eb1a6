#pragma once

#include <cstdint>
#include <torch/torch.h>
#include <vector>

#include "models/keyed.h"
#include "models/palette.h"
#include "models/spec.h"

/// The two networks of Isola et al. 2017, "Image-to-image translation with conditional adversarial networks",
/// section 6.1. Both also see a label and a colour. No layer looks across the batch: where the paper normalises over a
/// batch of one, these normalise each image. Members are public: their names are the names of the tensors on disk.
namespace atelier {

/// What a picture is made from.
struct Inputs {
  torch::Tensor conditions;  ///< float [N, C, S, S] in [-1, 1]: the sketch
  torch::Tensor labels;      ///< int64 [N]; -1: none
  torch::Tensor colors;      ///< float [N, 3] in [-1, 1]: mean colour of the foreground
};

/// Label and colour as numbers, float [N, kWidth].
struct SteeringImpl : torch::nn::Module {
  static constexpr int64_t kLabelWidth = 8, kWidth = kLabelWidth + 3;
  explicit SteeringImpl(int64_t label_count);
  torch::Tensor forward(const Inputs& inputs);

  torch::nn::Embedding label;  ///< the last row is "none"
};
TORCH_MODULE(Steering);

/// Instance normalisation whose scale and shift follow from the steering numbers (Dumoulin et al. 2017, "conditional
/// instance normalisation"). A plain one would take out what is constant over an image, so label and colour with it.
struct SteeredNormImpl : torch::nn::Module {
  explicit SteeredNormImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& steering);

  torch::nn::Linear modulation;  ///< steering -> scale - 1 and shift, `channels` each
};
TORCH_MODULE(SteeredNorm);

/// The generator: a U-Net of 4x4 convolutions of stride 2.
///
/// Level l of spec.levels works at side S / 2^(l + 1) with spec.channels * min(2^l, 8) channels. On the way down, each
/// is leaky ReLU, `down[l]`, `down_norm[l]`; the first has neither ReLU nor norm, and a level of 1x1 pixels no norm
/// (its mean is all there is). On the way up, each is ReLU, `up[i]`, `up_norm[i]`, dropout in the innermost three, and
/// then the level's own output on the way down beside it. Unlike the paper's, the last step ends at full size with
/// spec.channels channels, puts the inputs beside them and mixes by a 3x3 convolution, so that the picture keeps to the
/// sketch pixel by pixel; then tanh.
struct GeneratorImpl : torch::nn::Module {
  /// Throws std::invalid_argument when the spec has no condition, or levels do not fit the side.
  explicit GeneratorImpl(const ModelSpec& spec);

  /// Pictures, float [N, 3, S, S] in [-1, 1].
  torch::Tensor forward(const Inputs& inputs, const Dropout& dropout = {});

  Steering steering;
  Palette palette;  ///< colours that generations draw from; no part of forward
  std::vector<torch::nn::Conv2d> down;
  std::vector<SteeredNorm> down_norm;          ///< of down[l], null where there is none
  std::vector<torch::nn::ConvTranspose2d> up;  ///< in the order they run
  std::vector<SteeredNorm> up_norm;
  torch::nn::Conv2d output = nullptr;
};
TORCH_MODULE(Generator);

/// The PatchGAN: judges overlapping patches of a picture beside what it was made from.
///
/// 4x4 convolutions: strided ones, doubling spec.channels, then two of stride 1; leaky ReLU and instance normalisation
/// between them. Three strided ones, the paper's, see patches of 70x70 pixels; sides below 64 have two (34x34) and
/// sides below 32 one (16x16).
struct DiscriminatorImpl : torch::nn::Module {
  explicit DiscriminatorImpl(const ModelSpec& spec);

  /// Logits of the patches, [N, 1, P, P]; above 0: taken for real.
  torch::Tensor forward(const Inputs& inputs, const torch::Tensor& pictures);

  Steering steering;
  std::vector<torch::nn::Conv2d> conv;
  std::vector<torch::nn::InstanceNorm2d> norm;  ///< norm[i] comes after conv[i + 1]
};
TORCH_MODULE(Discriminator);

}  // namespace atelier
