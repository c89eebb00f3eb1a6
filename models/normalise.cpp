#include "models/normalise.h"

#include <ATen/Parallel.h>
#include <algorithm>

#include "models/operator.h"

namespace atelier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kEpsilon = 1e-5;
constexpr int64_t kBlockPixels = 256;  // that a float32 sums exactly enough, and that fit into the caches
constexpr const char* kName = "atelier::normalise";
constexpr const char* kBackwardName = "atelier::normalise_backward";

/// The blocks of a batch, all of whose loops are one after another over all of them.
struct Blocks {
  int64_t samples, pixels, channels;

  explicit Blocks(const torch::Tensor& x) : samples(x.size(0)), pixels(x.size(2) * x.size(3)), channels(x.size(1)) {}

  int64_t per_sample() const { return (pixels + kBlockPixels - 1) / kBlockPixels; }

  /// work(sample, where its first number is, block, its number), on LibTorch's threads.
  template <class Work>
  void each(const Work& work) const {
    at::parallel_for(0, samples * per_sample(), 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const int64_t sample = i / per_sample(), pixel = i % per_sample() * kBlockPixels;
        work(sample, (sample * pixels + pixel) * channels, PixelBlock{std::min(kBlockPixels, pixels - pixel), channels},
             i);
      }
    });
  }

  /// Room for two sums of each channel in each block, and those of each sample, float64 [2, N, C].
  torch::Tensor room() const { return torch::empty({samples * per_sample(), 2, channels}, torch::kFloat32); }
  torch::Tensor total(const torch::Tensor& sums) const {
    return sums.view({samples, per_sample(), 2, channels}).sum(1, false, torch::kFloat64).transpose(0, 1);
  }
};

/// [N, G] -> [N, C]
torch::Tensor for_channels(const torch::Tensor& of_groups, int64_t channels) {
  return of_groups.repeat_interleave(channels / of_groups.size(1), 1);
}

/// [N, C] -> [N, G]
torch::Tensor over_groups(const torch::Tensor& of_channels, int64_t groups) {
  return of_channels.reshape({of_channels.size(0), groups, -1}).sum(2);
}

const float* row(const torch::Tensor& table, int64_t sample) {
  return table.const_data_ptr<float>() + sample * table.size(1);
}

/// Mean and 1 / deviation of each group, for each of its channels: float64 [N, C].
std::pair<torch::Tensor, torch::Tensor> moments(const torch::Tensor& x, int64_t groups) {
  const Blocks blocks(x);
  const torch::Tensor origin = x.select(3, 0).select(2, 0).contiguous();  // [N, C]
  const torch::Tensor sums = blocks.room();
  blocks.each([&](int64_t sample, int64_t at, PixelBlock block, int64_t number) {
    sum_moments(x.const_data_ptr<float>() + at, row(origin, sample), block,
                sums.data_ptr<float>() + number * 2 * blocks.channels);
  });
  const torch::Tensor total = blocks.total(sums);
  const auto pixels = static_cast<double>(blocks.pixels);
  const double numbers = pixels * static_cast<double>(blocks.channels / groups);
  const torch::Tensor start = origin.to(torch::kFloat64);
  const torch::Tensor mean = for_channels(over_groups(total[0] + pixels * start, groups) / numbers, blocks.channels);
  const torch::Tensor away = start - mean;  // of each channel's origin
  const torch::Tensor squares = total[1] + 2 * away * total[0] + pixels * away.square();
  const torch::Tensor variance = over_groups(squares, groups) / numbers;
  return {mean, for_channels((variance.clamp_min(0) + kEpsilon).rsqrt(), blocks.channels)};
}

torch::Tensor in_float32(const torch::Tensor& tensor) { return tensor.to(torch::kFloat32).contiguous(); }

torch::Tensor pixels_in_float32(const torch::Tensor& x) {
  return x.to(torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast);
}

struct NormaliseFunction : torch::autograd::Function<NormaliseFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& given, const torch::Tensor& scale,
                               const torch::Tensor& shift, int64_t groups, int64_t activation) {
    const torch::Tensor x = pixels_in_float32(given);
    const auto [mean, inverse] = moments(x, groups);
    const torch::Tensor middle = in_float32(mean), factor = in_float32(scale * inverse), summand = in_float32(shift);
    torch::Tensor y = torch::empty_like(x);
    Blocks(x).each([&](int64_t sample, int64_t at, PixelBlock block, int64_t) {
      scale_and_activate(x.const_data_ptr<float>() + at,
                         {row(middle, sample), row(factor, sample), row(summand, sample)},
                         static_cast<Activation>(activation), block, y.data_ptr<float>() + at);
    });
    const torch::Tensor kept = given.scalar_type() == torch::kFloat32 ? x : given;
    context->save_for_backward({kept, scale, inverse, middle, factor, summand});
    context->saved_data["groups"] = groups;
    context->saved_data["activation"] = activation;
    return y.to(given.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return as_operator(kBackwardName, {gradients[0], saved[0], saved[1]}, /*node=*/-1, [&] {
      return gradients_of(saved, pixels_in_float32(gradients[0]), context->saved_data["groups"].toInt(),
                          static_cast<Activation>(context->saved_data["activation"].toInt()));
    });
  }

  static variable_list gradients_of(const variable_list& saved, const torch::Tensor& outer, int64_t groups,
                                    Activation activation) {
    const torch::Tensor x = pixels_in_float32(saved[0]), &scale = saved[1], &inverse = saved[2], &middle = saved[3],
                        &factor = saved[4];
    const Blocks blocks(x);
    const torch::Tensor sums = blocks.room();
    torch::Tensor inner = torch::empty_like(x);
    blocks.each([&](int64_t sample, int64_t at, PixelBlock block, int64_t number) {
      undo_activation(x.const_data_ptr<float>() + at, outer.const_data_ptr<float>() + at,
                      {row(middle, sample), row(factor, sample), row(saved[5], sample)}, activation, block,
                      inner.data_ptr<float>() + at, sums.data_ptr<float>() + number * 2 * blocks.channels);
    });
    const torch::Tensor total = blocks.total(sums);
    const double numbers = static_cast<double>(blocks.pixels * blocks.channels / groups);
    const auto share = [&](const torch::Tensor& sum) {
      return for_channels(over_groups(scale * sum, groups) / numbers, blocks.channels) * inverse;
    };
    const torch::Tensor slope = in_float32(-share(total[1]) * inverse.square()), offset = in_float32(-share(total[0]));
    blocks.each([&](int64_t sample, int64_t at, PixelBlock block, int64_t) {
      add_moments(x.const_data_ptr<float>() + at, {row(middle, sample), row(factor, sample), row(offset, sample)},
                  row(slope, sample), block, inner.data_ptr<float>() + at);
    });
    return {inner.to(saved[0].scalar_type()),
            (total[1] * inverse).to(scale.scalar_type()),
            total[0].to(scale.scalar_type()),
            {},
            {}};
  }
};

}  // namespace

torch::Tensor normalise_plainly(const torch::Tensor& x, int64_t groups, const torch::Tensor& scale,
                                const torch::Tensor& shift, Activation activation) {
  const bool one_for_all = scale.dim() == 1;
  torch::Tensor y = one_for_all ? torch::group_norm(x, groups, scale, shift, kEpsilon)
                                : torch::group_norm(x, groups, {}, {}, kEpsilon);
  if (!one_for_all) y = torch::addcmul(shift.unsqueeze(2).unsqueeze(3), y, scale.unsqueeze(2).unsqueeze(3));
  switch (activation) {
    case Activation::kNone:
      return y;
    case Activation::kSilu:
      return torch::silu(y);
    case Activation::kRelu:
      return torch::relu(y);
    case Activation::kLeakyRelu:
      return torch::leaky_relu(y, kLeakySlope);
  }
  return y;
}

torch::Tensor normalise(const torch::Tensor& x, int64_t groups, const torch::Tensor& scale, const torch::Tensor& shift,
                        Activation activation) {
  const bool is_ours =
      x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16 || x.scalar_type() == torch::kFloat16;
  if (!x.is_cpu() || !is_ours) return normalise_plainly(x, groups, scale, shift, activation);
  const torch::Tensor of_samples = scale.expand({x.size(0), x.size(1)}), moves = shift.expand({x.size(0), x.size(1)});
  return as_operator(kName, {x, of_samples, moves}, next_node(), [&] {
    return variable_list{NormaliseFunction::apply(x, of_samples, moves, groups, static_cast<int64_t>(activation))};
  })[0];
}

}  // namespace atelier
