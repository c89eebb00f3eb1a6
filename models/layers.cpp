#include "models/layers.h"

#include <algorithm>
#include <cmath>

namespace atelier {
namespace {

constexpr int64_t kMaxGroups = 32;
constexpr int64_t kMinGroupChannels = 4;
constexpr int64_t kHeadChannels = 64;
constexpr double kTopFrequency = 64;

}  // namespace

int64_t largest_divisor(int64_t n, int64_t limit) {
  int64_t divisor = std::clamp<int64_t>(limit, 1, n);
  while (n % divisor != 0) --divisor;
  return divisor;
}

torch::nn::GroupNorm group_norm(int64_t channels) {
  const int64_t groups = largest_divisor(channels, std::min(kMaxGroups, channels / kMinGroupChannels));
  return torch::nn::GroupNorm(torch::nn::GroupNormOptions(groups, channels));
}

torch::Tensor normalised(torch::nn::GroupNorm& norm, const torch::Tensor& x, Activation activation) {
  return normalise(x, norm->options.num_groups(), norm->weight, norm->bias, activation);
}

Convolution convolution(int64_t in, int64_t out, int64_t kernel) {
  return Convolution(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
}

torch::Tensor fourier_features(const torch::Tensor& x, int64_t count) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(x.device());
  const torch::Tensor frequencies = torch::linspace(0, std::log(kTopFrequency), count / 2, options).exp();
  const torch::Tensor angles = x.to(torch::kFloat32).unsqueeze(1) * frequencies;  // [N, count / 2]
  return torch::cat({angles.cos(), angles.sin()}, 1);
}

AttentionImpl::AttentionImpl(int64_t channels)
    : heads(largest_divisor(channels, channels / kHeadChannels)),
      norm(register_module("norm", group_norm(channels))),
      qkv(register_module("qkv", convolution(channels, 3 * channels, 1))),
      project(register_module("project", convolution(channels, channels, 1))) {}

torch::Tensor AttentionImpl::forward(const torch::Tensor& x) {
  const int64_t n = x.size(0), pixels = x.size(2) * x.size(3);
  const torch::Tensor parts =
      qkv->forward(normalised(norm, x, Activation::kNone)).view({n, 3, heads, -1, pixels}).transpose(3, 4);
  const torch::Tensor mixed = at::scaled_dot_product_attention(parts.select(1, 0), parts.select(1, 1),
                                                               parts.select(1, 2));  // [N, heads, H * W, C / heads]
  const torch::Tensor rows = mixed.transpose(1, 2).reshape({n, x.size(2), x.size(3), x.size(1)});
  return x + project->forward(rows.permute({0, 3, 1, 2}));
}

BlockImpl::BlockImpl(const BlockShape& shape)
    : dropout_layer(shape.dropout_layer),
      norm1(register_module("norm1", group_norm(shape.in))),
      conv1(register_module("conv1", convolution(shape.in, shape.out, 3))),
      modulation(register_module("modulation", torch::nn::Linear(shape.embedding, 2 * shape.out))),
      norm2(register_module("norm2", group_norm(shape.out))),
      conv2(register_module("conv2", convolution(shape.out, shape.out, 3))) {
  if (shape.in != shape.out) shortcut = register_module("shortcut", convolution(shape.in, shape.out, 1));
  if (shape.attention) attention = register_module("attention", Attention(shape.out));
}

torch::Tensor BlockImpl::forward(const torch::Tensor& x, const torch::Tensor& embedding, const Dropout& dropout) {
  const auto steering = modulation->forward(embedding).chunk(2, 1);  // [N, out] each
  const torch::Tensor scale = steering[0] + 1;
  torch::Tensor h = conv1->forward(normalised(norm1, x, Activation::kSilu));
  h = normalise(h, norm2->options.num_groups(), norm2->weight * scale, torch::addcmul(steering[1], norm2->bias, scale),
                Activation::kSilu);
  h = conv2->forward(dropout(h, dropout_layer));
  h = h + (shortcut.is_empty() ? x : shortcut->forward(x));
  return attention.is_empty() ? h : attention->forward(h);
}

}  // namespace atelier
