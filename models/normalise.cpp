#include "models/normalise.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <memory>

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

torch::Tensor in_float32(const torch::Tensor& tensor) { return tensor.to(torch::kFloat32).contiguous(); }

/// The numbers of pictures in channels_last order, as float32 block by block: those of 16 bits are converted where
/// they are worked on, while they are in the caches.
class Pixels {
 public:
  /// `x` is float32, bfloat16 or float16.
  explicit Pixels(const torch::Tensor& x) : x_(x.detach().contiguous(torch::MemoryFormat::ChannelsLast)) {}

  /// The numbers of a block; `copy` keeps them if they are converted.
  const float* read(int64_t at, PixelBlock block, std::unique_ptr<float[]>& copy) const {
    if (has<float>()) return x_.const_data_ptr<float>() + at;
    copy = std::make_unique_for_overwrite<float[]>(block.size());
    if (has<c10::BFloat16>()) widen(x_.const_data_ptr<c10::BFloat16>() + at, block, copy.get());
    if (has<c10::Half>()) widen(x_.const_data_ptr<c10::Half>() + at, block, copy.get());
    return copy.get();
  }

  /// Makes what work(numbers) writes the numbers of a block.
  template <class Work>
  void write(int64_t at, PixelBlock block, const Work& work) const {
    if (has<float>()) return work(x_.mutable_data_ptr<float>() + at);
    const auto written = std::make_unique_for_overwrite<float[]>(block.size());
    work(written.get());
    if (has<c10::BFloat16>()) narrow(written.get(), block, x_.mutable_data_ptr<c10::BFloat16>() + at);
    if (has<c10::Half>()) narrow(written.get(), block, x_.mutable_data_ptr<c10::Half>() + at);
  }

 private:
  template <class Number>
  bool has() const {
    return x_.scalar_type() == c10::CppTypeToScalarType<Number>::value;
  }

  torch::Tensor x_;
};

/// Mean and 1 / deviation of each group, for each of its channels: float64 [N, C].
std::pair<torch::Tensor, torch::Tensor> moments(const torch::Tensor& x, int64_t groups) {
  const Blocks blocks(x);
  const Pixels from(x);
  const torch::Tensor origin = in_float32(x.select(3, 0).select(2, 0));  // [N, C]
  const torch::Tensor sums = blocks.room();
  blocks.each([&](int64_t sample, int64_t at, PixelBlock block, int64_t number) {
    std::unique_ptr<float[]> copy;
    sum_moments(from.read(at, block, copy), row(origin, sample), block,
                sums.data_ptr<float>() + number * 2 * blocks.channels);
  });
  const torch::Tensor total = blocks.total(sums);
  const auto pixels = static_cast<double>(blocks.pixels);
  const double numbers = pixels * static_cast<double>(blocks.channels) / static_cast<double>(groups);
  const torch::Tensor start = origin.to(torch::kFloat64);
  const torch::Tensor mean = for_channels(over_groups(total[0] + pixels * start, groups) / numbers, blocks.channels);
  const torch::Tensor away = start - mean;  // of each channel's origin
  const torch::Tensor squares = total[1] + 2 * away * total[0] + pixels * away.square();
  const torch::Tensor variance = over_groups(squares, groups) / numbers;
  return {mean, for_channels((variance.clamp_min(0) + kEpsilon).rsqrt(), blocks.channels)};
}

struct NormaliseFunction : torch::autograd::Function<NormaliseFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& given, const torch::Tensor& scale,
                               const torch::Tensor& shift, int64_t groups, int64_t activation) {
    const torch::Tensor x = given.contiguous(torch::MemoryFormat::ChannelsLast);
    const auto [mean, inverse] = moments(x, groups);
    const torch::Tensor middle = in_float32(mean), factor = in_float32(scale * inverse), summand = in_float32(shift);
    torch::Tensor y = torch::empty_like(x);
    const Pixels from(x), to(y);
    Blocks(x).each([&](int64_t sample, int64_t at, PixelBlock block, int64_t) {
      std::unique_ptr<float[]> copy;
      const float* numbers = from.read(at, block, copy);
      to.write(at, block, [&](float* results) {
        scale_and_activate(numbers, {row(middle, sample), row(factor, sample), row(summand, sample)},
                           static_cast<Activation>(activation), block, results);
      });
    });
    context->save_for_backward({x, scale, inverse, middle, factor, summand});
    context->saved_data["groups"] = groups;
    context->saved_data["activation"] = activation;
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return as_operator(kBackwardName, {gradients[0], saved[0], saved[1]}, /*node=*/-1, [&] {
      return gradients_of(saved, gradients[0], context->saved_data["groups"].toInt(),
                          static_cast<Activation>(context->saved_data["activation"].toInt()));
    });
  }

  static variable_list gradients_of(const variable_list& saved, const torch::Tensor& outer, int64_t groups,
                                    Activation activation) {
    const torch::Tensor &x = saved[0], &scale = saved[1], &inverse = saved[2], &middle = saved[3], &factor = saved[4];
    const Blocks blocks(x);
    const Pixels from(x), later(outer);
    const torch::Tensor sums = blocks.room();
    const torch::Tensor inner = torch::empty_like(x, torch::kFloat32);
    blocks.each([&](int64_t sample, int64_t at, PixelBlock block, int64_t number) {
      std::unique_ptr<float[]> copy, later_copy;
      undo_activation(from.read(at, block, copy), later.read(at, block, later_copy),
                      {row(middle, sample), row(factor, sample), row(saved[5], sample)}, activation, block,
                      inner.data_ptr<float>() + at, sums.data_ptr<float>() + number * 2 * blocks.channels);
    });
    const torch::Tensor total = blocks.total(sums);
    const double numbers = static_cast<double>(blocks.pixels * blocks.channels) / static_cast<double>(groups);
    const auto share = [&](const torch::Tensor& sum) {
      return for_channels(over_groups(scale * sum, groups) / numbers, blocks.channels) * inverse;
    };
    const torch::Tensor slope = in_float32(-share(total[1]) * inverse.square()), offset = in_float32(-share(total[0]));
    torch::Tensor gradient = x.scalar_type() == torch::kFloat32 ? inner : torch::empty_like(x);
    const Pixels to(gradient);
    blocks.each([&](int64_t sample, int64_t at, PixelBlock block, int64_t) {
      std::unique_ptr<float[]> copy;
      const float* read = from.read(at, block, copy);
      to.write(at, block, [&](float* results) {
        add_moments(read, {row(middle, sample), row(factor, sample), row(offset, sample)}, row(slope, sample), block,
                    inner.const_data_ptr<float>() + at, results);
      });
    });
    return {gradient, (total[1] * inverse).to(scale.scalar_type()), total[0].to(scale.scalar_type()), {}, {}};
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
