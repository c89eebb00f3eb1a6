#include "models/pix2pix.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <string>

namespace atelier {
namespace {

constexpr double kSlope = 0.2;        // of the leaky ReLU
constexpr int64_t kMostWidening = 8;  // of the channels
constexpr size_t kDropoutLayers = 3;  // innermost ones of the way up

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t stride) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 4).stride(stride).padding(1));
}

torch::nn::ConvTranspose2d doubling(int64_t in, int64_t out) {
  return torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(in, out, 4).stride(2).padding(1));
}

torch::Tensor leaky(const torch::Tensor& x) { return torch::leaky_relu(x, kSlope); }

torch::Tensor normalise(const torch::Tensor& x) {
  constexpr double kEpsilon = 1e-5;
  return torch::instance_norm(x, {}, {}, {}, {}, /*use_input_stats=*/true, /*momentum=*/0, kEpsilon,
                              /*cudnn_enabled=*/true);
}

/// The condition and, as constant planes, the steering numbers: [N, C + kWidth, S, S].
torch::Tensor planes(const torch::Tensor& conditions, const torch::Tensor& steering) {
  const torch::Tensor flat = steering.unsqueeze(2).unsqueeze(3);
  return torch::cat({conditions, flat.expand({-1, -1, conditions.size(2), conditions.size(3)})}, 1);
}

int64_t input_channels(const ModelSpec& spec) { return spec.condition_channels() + SteeringImpl::kWidth; }

int64_t label_count(const ModelSpec& spec) { return static_cast<int64_t>(spec.labels.size()); }

void check(const ModelSpec& spec) {
  if (spec.condition_channels() == 0) {
    throw std::invalid_argument("pix2pix makes a picture from a sketch: set data.condition to outline or file.");
  }
  if (spec.levels < 2 || spec.levels > 16 || spec.image_size % (1 << spec.levels) != 0) {
    throw std::invalid_argument(
        fmt::format("A side of {} pixels cannot be halved model.levels = {} times: take 2 or more levels, and a side "
                    "that 2 to that "
                    "power divides.",
                    spec.image_size, spec.levels));
  }
}

}  // namespace

SteeringImpl::SteeringImpl(int64_t labels)
    : label(register_module("label", torch::nn::Embedding(labels + 1, kLabelWidth))) {}

torch::Tensor SteeringImpl::forward(const Inputs& inputs) {
  const int64_t none = label->weight.size(0) - 1;
  return torch::cat({label(inputs.labels.masked_fill(inputs.labels < 0, none)), inputs.colors}, 1);
}

SteeredNormImpl::SteeredNormImpl(int64_t channels)
    : modulation(register_module("modulation", torch::nn::Linear(SteeringImpl::kWidth, 2 * channels))) {}

torch::Tensor SteeredNormImpl::forward(const torch::Tensor& x, const torch::Tensor& steering) {
  const auto parts = modulation(steering).unsqueeze(2).unsqueeze(3).chunk(2, 1);
  return torch::addcmul(parts[1], normalise(x), parts[0] + 1);
}

GeneratorImpl::GeneratorImpl(const ModelSpec& spec)
    : steering(register_module("steering", Steering(label_count(spec)))),
      palette(register_module("palette", Palette(label_count(spec)))) {
  check(spec);
  const auto width = [&](int level) { return spec.channels * std::min(int64_t{1} << level, kMostWidening); };
  const auto norm = [&](const std::string& name, int64_t channels) {
    return register_module(name, SteeredNorm(channels));
  };
  int64_t channels = input_channels(spec);
  for (int level = 0; level < spec.levels; ++level) {
    const auto index = std::to_string(level);
    down.push_back(register_module("down" + index, convolution(channels, width(level), 2)));
    channels = width(level);
    const bool normed = level > 0 && spec.image_size >> (level + 1) > 1;
    down_norm.push_back(normed ? norm("down_norm" + index, channels) : nullptr);
  }
  for (int level = spec.levels - 1; level >= 0; --level) {
    const auto index = std::to_string(spec.levels - 1 - level);
    const int64_t out = width(std::max(level - 1, 0));
    up.push_back(register_module("up" + index, doubling(channels, out)));
    up_norm.push_back(norm("up_norm" + index, out));
    channels = 2 * out;  // with the partner on the way down
  }
  output = register_module(
      "output", torch::nn::Conv2d(torch::nn::Conv2dOptions(spec.channels + input_channels(spec), 3, 3).padding(1)));
}

torch::Tensor GeneratorImpl::forward(const Inputs& inputs, const Dropout& dropout) {
  const torch::Tensor steer = steering(inputs);
  const torch::Tensor given = planes(inputs.conditions, steer);
  std::vector<torch::Tensor> beside{given};  // what joins the way up, outermost first
  torch::Tensor x = given;
  for (size_t level = 0; level < down.size(); ++level) {
    x = down[level](level == 0 ? x : leaky(x));
    if (down_norm[level]) x = down_norm[level](x, steer);
    if (level + 1 < down.size()) beside.push_back(x);
  }
  for (size_t i = 0; i < up.size(); ++i) {
    x = up_norm[i](up[i](torch::relu(x)), steer);
    if (i < kDropoutLayers && i + 2 < up.size()) x = dropout(x, static_cast<uint32_t>(i));
    if (i + 1 == up.size()) x = torch::relu(x);
    x = torch::cat({x, beside.back()}, 1);
    beside.pop_back();
  }
  return torch::tanh(output(x));
}

DiscriminatorImpl::DiscriminatorImpl(const ModelSpec& spec)
    : steering(register_module("steering", Steering(label_count(spec)))) {
  const int strided = spec.image_size >= 64 ? 3 : spec.image_size >= 32 ? 2 : 1;
  int64_t channels = input_channels(spec) + 3;
  for (int i = 0; i <= strided; ++i) {
    const int64_t out = spec.channels << i;
    conv.push_back(register_module("conv" + std::to_string(i), convolution(channels, out, i < strided ? 2 : 1)));
    if (i > 0) {
      norm.push_back(register_module("norm" + std::to_string(i),
                                     torch::nn::InstanceNorm2d(torch::nn::InstanceNorm2dOptions(out).affine(true))));
    }
    channels = out;
  }
  conv.push_back(register_module("conv" + std::to_string(strided + 1), convolution(channels, 1, 1)));
}

torch::Tensor DiscriminatorImpl::forward(const Inputs& inputs, const torch::Tensor& pictures) {
  torch::Tensor x = torch::cat({planes(inputs.conditions, steering(inputs)), pictures}, 1);
  x = leaky(conv.front()(x));
  for (size_t i = 0; i < norm.size(); ++i) x = leaky(norm[i](conv[i + 1](x)));
  return conv.back()(x);
}

}  // namespace atelier
