#include "models/pix2pix.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <torch/nn/modules/container/modulelist.h>

namespace atelier {
namespace {

constexpr int64_t kMostWidening = 8;  // of the channels
constexpr size_t kDropoutLayers = 3;  // innermost ones of the way up

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t stride) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 4).stride(stride).padding(1));
}

template <class Module>
torch::nn::ModuleList as_list(const std::vector<Module>& modules) {
  torch::nn::ModuleList list;
  for (const Module& module : modules) list->push_back(module);
  return list;
}

torch::Tensor leaky(const torch::Tensor& x) { return torch::leaky_relu(x, kLeakySlope); }

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

torch::Tensor SteeredNormImpl::forward(const torch::Tensor& x, const torch::Tensor& steering, Activation activation) {
  const auto parts = modulation(steering).chunk(2, 1);
  return normalise(x, /*groups=*/x.size(1), parts[0] + 1, parts[1], activation);
}

DownImpl::DownImpl(int64_t in, int64_t out, bool normed) : conv(register_module("conv", convolution(in, out, 2))) {
  if (normed) norm = register_module("norm", SteeredNorm(out));
}

torch::Tensor DownImpl::forward(const torch::Tensor& x, const torch::Tensor& steering) {
  const torch::Tensor y = conv(x);
  return norm ? norm(y, steering, Activation::kLeakyRelu) : leaky(y);
}

UpImpl::UpImpl(int64_t in, int64_t partner, int64_t out)
    : conv(register_module("conv", Convolution(torch::nn::Conv2dOptions(in + partner, out, 3).padding(1)))),
      norm(register_module("norm", SteeredNorm(out))) {}

torch::Tensor UpImpl::forward(const torch::Tensor& x, const torch::Tensor& partner, const torch::Tensor& steering) {
  const torch::Tensor large = at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
  return norm(conv(torch::cat({large, partner}, 1)), steering, Activation::kRelu);
}

GeneratorImpl::GeneratorImpl(const ModelSpec& spec)
    : steering(register_module("steering", Steering(label_count(spec)))),
      palette(register_module("palette", Palette(label_count(spec)))),
      output(register_module("output", torch::nn::Conv2d(torch::nn::Conv2dOptions(spec.channels, 3, 3).padding(1)))) {
  check(spec);
  const auto width = [&](int level) { return spec.channels * std::min(int64_t{1} << level, kMostWidening); };
  std::vector<int64_t> partners{input_channels(spec)};  // their channels, outermost first
  for (int level = 0; level < spec.levels; ++level) {
    encoder.emplace_back(partners.back(), width(level), level > 0 && spec.image_size >> (level + 1) > 1);
    partners.push_back(width(level));
  }
  int64_t channels = partners.back();
  for (int level = spec.levels - 1; level >= 0; --level) {
    const int64_t out = width(std::max(level - 1, 0));
    decoder.emplace_back(channels, partners[static_cast<size_t>(level)], out);
    channels = out;
  }
  register_module("encoder", as_list(encoder));
  register_module("decoder", as_list(decoder));
}

torch::Tensor GeneratorImpl::forward(const Inputs& inputs, const Dropout& dropout) {
  const torch::Tensor steer = steering(inputs);
  torch::Tensor x = planes(inputs.conditions, steer).contiguous(torch::MemoryFormat::ChannelsLast);
  std::vector<torch::Tensor> partners;  // of the steps up, outermost first
  for (Down& down : encoder) {
    partners.push_back(x);
    x = down(x, steer);
  }
  for (size_t i = 0; i < decoder.size(); ++i) {
    x = decoder[i](x, partners.back(), steer);
    if (i < kDropoutLayers) x = dropout(x, static_cast<uint32_t>(i));
    partners.pop_back();
  }
  return torch::tanh(output(x));
}

DiscriminatorImpl::DiscriminatorImpl(const ModelSpec& spec)
    : steering(register_module("steering", Steering(label_count(spec)))) {
  const int strided = spec.image_size >= 64 ? 3 : spec.image_size >= 32 ? 2 : 1;
  int64_t channels = input_channels(spec) + 3;
  for (int i = 0; i <= strided; ++i) {
    const int64_t out = int64_t{spec.channels} << i;
    conv.push_back(convolution(channels, out, i < strided ? 2 : 1));
    if (i > 0) norm.emplace_back(torch::nn::InstanceNorm2dOptions(out).affine(true));
    channels = out;
  }
  conv.push_back(convolution(channels, 1, 1));
  register_module("conv", as_list(conv));
  register_module("norm", as_list(norm));
}

torch::Tensor DiscriminatorImpl::forward(const Inputs& inputs, const torch::Tensor& pictures) {
  const torch::Tensor seen = torch::cat({planes(inputs.conditions, steering(inputs)), pictures}, 1);
  torch::Tensor x = leaky(conv.front()(seen.contiguous(torch::MemoryFormat::ChannelsLast)));
  for (size_t i = 0; i < norm.size(); ++i) {
    x = conv[i + 1](x);
    x = normalise(x, /*groups=*/x.size(1), norm[i]->weight, norm[i]->bias, Activation::kLeakyRelu);
  }
  return conv.back()(x);
}

}  // namespace atelier
