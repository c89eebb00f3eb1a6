#pragma once

#include <cstdint>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/instancenorm.h>
#include <torch/nn/modules/linear.h>
#include <vector>

#include "models/convolution.h"
#include "models/keyed.h"
#include "models/normalise.h"
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
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& steering, Activation activation);

  torch::nn::Linear modulation;  ///< steering -> scale - 1 and shift, `channels` each
};
TORCH_MODULE(SteeredNorm);

/// A step of the generator down: the side halves. 4x4 convolution, normalisation where `normed`, leaky ReLU.
struct DownImpl : torch::nn::Module {
  DownImpl(int64_t in, int64_t out, bool normed);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& steering);

  torch::nn::Conv2d conv;
  SteeredNorm norm = nullptr;
};
TORCH_MODULE(Down);

/// A step of the generator up: the side doubles. Every pixel four times, the partner of that side beside it, 3x3
/// convolution, normalisation, ReLU. The paper's transposed convolution leaves a checkerboard in the picture (Odena et
/// al. 2016); this does not.
struct UpImpl : torch::nn::Module {
  UpImpl(int64_t in, int64_t partner, int64_t out);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& partner, const torch::Tensor& steering);

  Convolution conv;
  SteeredNorm norm;
};
TORCH_MODULE(Up);

/// The generator: a U-Net of as many steps down and up as spec.levels.
///
/// Step l down works at side S / 2^(l + 1) with spec.channels * min(2^l, 8) channels. The first has no normalisation,
/// nor has one that ends at 1x1 pixels, where the mean is all there is; leaky ReLU follows each. The steps up mirror
/// them, each with the numbers of its side from the way down as partner, the last one with the inputs themselves, so
/// that the picture keeps to the sketch pixel by pixel; ReLU follows each, and dropout the innermost three. A last 3x3
/// convolution and tanh give the colours.
struct GeneratorImpl : torch::nn::Module {
  /// Throws std::invalid_argument when the spec has no condition, or levels do not fit the side.
  explicit GeneratorImpl(const ModelSpec& spec);

  /// Pictures, float [N, 3, S, S] in [-1, 1].
  torch::Tensor forward(const Inputs& inputs, const Dropout& dropout = {});

  Steering steering;
  Palette palette;  ///< colours that generations draw from; no part of forward
  std::vector<Down> encoder;
  std::vector<Up> decoder;  ///< in the order they run
  torch::nn::Conv2d output;
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
