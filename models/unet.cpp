#include "models/unet.h"

#include <fmt/format.h>
#include <stdexcept>
#include <torch/nn/modules/container/modulelist.h>
#include <utility>

#include "models/recompute.h"

namespace atelier {
namespace {

constexpr int kMiddleBlocks = 2;
constexpr int64_t kEmbeddingFactor = 4;  // width of the embedding, in channels of level 0

int64_t width(const ModelSpec& spec, int level) { return level == 0 ? spec.channels : 2 * int64_t{spec.channels}; }

void check(const ModelSpec& spec) {
  if (spec.levels < 1 || spec.levels > 16 || spec.image_size % (1 << (spec.levels - 1)) != 0) {
    throw std::invalid_argument(fmt::format(
        "A U-Net of {} levels halves the side {} times, which {} pixels do not allow: choose another model.levels or "
        "data.image_size.",
        spec.levels, spec.levels - 1, spec.image_size));
  }
  if (spec.channels < 4 || spec.channels % 4 != 0) {
    throw std::invalid_argument(
        fmt::format("model.channels of a U-Net must be a multiple of 4, not {}.", spec.channels));
  }
  if (spec.blocks < 1) throw std::invalid_argument("model.blocks of a U-Net must be at least 1.");
}

torch::nn::ModuleList as_list(const UNetImpl::Level& blocks) {
  torch::nn::ModuleList list;
  for (const Block& block : blocks) list->push_back(block);
  return list;
}

torch::nn::ModuleList as_list(const std::vector<UNetImpl::Level>& levels) {
  torch::nn::ModuleList list;
  for (const UNetImpl::Level& level : levels) list->push_back(as_list(level));
  return list;
}

}  // namespace

UNetImpl::UNetImpl(const ModelSpec& spec) : features(spec.channels) {
  check(spec);
  const int64_t embedding = kEmbeddingFactor * spec.channels;
  uint32_t blocks = 0;
  const auto block = [&](int64_t in, int64_t out, int level) {
    const bool attention = spec.image_size >> level <= spec.attention_size;
    return Block(BlockShape{in, out, embedding, attention, blocks++});
  };

  input = register_module("input", convolution(3 + spec.condition_channels(), width(spec, 0), 3));
  noise1 = register_module("noise1", torch::nn::Linear(features, embedding));
  noise2 = register_module("noise2", torch::nn::Linear(embedding, embedding));
  label = register_module("label", torch::nn::Embedding(static_cast<int64_t>(spec.labels.size()) + 1, embedding));

  int64_t channels = width(spec, 0);
  for (int level = 0; level < spec.levels; ++level) {
    Level& down = encoder.emplace_back();
    for (int i = 0; i < spec.blocks; ++i) {
      down.push_back(block(channels, width(spec, level), level));
      channels = width(spec, level);
    }
  }
  for (int i = 0; i < kMiddleBlocks; ++i) middle.push_back(block(channels, channels, spec.levels - 1));
  decoder.resize(encoder.size());
  for (int level = spec.levels - 1; level >= 0; --level) {
    for (int i = 0; i < spec.blocks; ++i) {
      decoder[static_cast<size_t>(level)].push_back(block(channels + width(spec, level), width(spec, level), level));
      channels = width(spec, level);
    }
  }

  register_module("encoder", as_list(encoder));
  register_module("middle", as_list(middle));
  register_module("decoder", as_list(decoder));
  output_norm = register_module("output_norm", group_norm(channels));
  output = register_module("output", convolution(channels, 3, 3));
}

torch::Tensor UNetImpl::embed(const torch::Tensor& noise, const torch::Tensor& labels) {
  const int64_t no_label = label->weight.size(0) - 1;
  const torch::Tensor of_noise = noise2->forward(torch::silu(noise1->forward(fourier_features(noise, features))));
  return torch::silu(of_noise + label->forward(torch::where(labels < 0, no_label, labels)));
}

torch::Tensor UNetImpl::forward(const torch::Tensor& x, const torch::Tensor& noise, const torch::Tensor& labels,
                                const torch::Tensor& conditions, const Dropout& dropout) {
  const torch::Tensor embedding = embed(noise, labels);
  const torch::Tensor seen = conditions.defined() ? torch::cat({x, conditions}, 1) : x;
  torch::Tensor h = input->forward(seen.contiguous(torch::MemoryFormat::ChannelsLast));

  const auto through = [&](const Block& block, std::vector<torch::Tensor> parts) {
    const auto compute = [block = block.ptr(), dropout](const std::vector<torch::Tensor>& given) {
      const std::vector<torch::Tensor> images(given.begin() + 1, given.end());
      return block->forward(images.size() == 1 ? images[0] : torch::cat(images, 1), given[0], dropout);
    };
    parts.insert(parts.begin(), embedding);
    return recomputes ? recomputed(std::move(parts), compute) : compute(parts);
  };

  std::vector<torch::Tensor> skips;
  for (size_t level = 0; level < encoder.size(); ++level) {
    if (level > 0) h = torch::avg_pool2d(h, 2);
    for (const Block& block : encoder[level]) skips.push_back(h = through(block, {h}));
  }
  for (const Block& block : middle) h = through(block, {h});
  for (size_t level = decoder.size(); level-- > 0;) {
    for (const Block& block : decoder[level]) {
      h = through(block, {h, skips.back()});
      skips.pop_back();
    }
    if (level > 0) h = torch::upsample_nearest2d(h, {2 * h.size(2), 2 * h.size(3)});
  }
  return output->forward(normalised(output_norm, h, Activation::kSilu));
}

void UNetImpl::initialise(uint64_t seed) {
  initialise_weights(*this, seed);
  torch::NoGradGuard no_grad;
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* block = module->as<BlockImpl>()) block->conv2->weight.zero_();
    if (auto* attention = module->as<AttentionImpl>()) attention->project->weight.zero_();
  }
  output->weight.zero_();
}

}  // namespace atelier
