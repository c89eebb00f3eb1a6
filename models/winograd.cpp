#include "models/winograd.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <algorithm>

#include "models/operator.h"
#include "models/winograd_tiles.h"

namespace atelier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kTilesAtOnce = 72;  // their planes fit into the caches, and start at other sets of them
constexpr int64_t kFewestChannels = 32;
constexpr int64_t kFewestTiles = 48;  // that pay for transforming the weights
constexpr const char* kName = "atelier::winograd_convolution";
constexpr const char* kBackwardName = "atelier::winograd_convolution_backward";

/// weight [K, C, 3, 3] -> [36, K, C], both padded
torch::Tensor planes_of(const torch::Tensor& weight, bool turned) {
  const Weights shape{weight.size(0), weight.size(1)};
  const int64_t outputs = round_up_to_lanes(shape.outputs);
  const torch::Tensor seen = weight.contiguous();
  torch::Tensor planes = torch::empty({kWinogradPlanes, outputs, round_up_to_lanes(shape.inputs)}, torch::kFloat32);
  at::parallel_for(0, outputs, 1, [&](int64_t first, int64_t last) {
    planes_of_weights(seen.const_data_ptr<float>(), shape, first, last, turned, planes.data_ptr<float>());
  });
  return planes;
}

Pictures shape_of(const torch::Tensor& x) { return {x.size(0), x.size(2), x.size(3), x.size(1)}; }

/// Calls work(range) for parts of the tiles begin..end on LibTorch's threads, and where the part starts in `planes`.
template <class Work>
void for_tiles(int64_t begin, int64_t end, int64_t channels, float* planes, const Work& work) {
  at::parallel_for(begin, end, 1, [&](int64_t first, int64_t last) {
    work(TileRange{first, last, end - begin}, planes + (first - begin) * channels);
  });
}

/// Who works on so many tiles: each thread on its own, so that their planes stay in its cache; together where they are
/// few. `own` is how many numbers each keeps.
int64_t workers_for(int64_t tiles, int64_t own = 0) {
  constexpr int64_t kMost = 1 << 26;  // numbers: 256 MiB
  const int64_t threads = at::get_num_threads();
  return tiles < threads * kTilesAtOnce || threads * own > kMost ? 1 : threads;
}

/// Calls work(worker, begin, end) for each worker's part of the tiles.
template <class Work>
void for_workers(int64_t workers, int64_t tiles, const Work& work) {
  at::parallel_for(0, workers, 1, [&](int64_t first, int64_t last) {
    const torch::NoGradGuard no_grad;
    for (int64_t worker = first; worker < last; ++worker)
      work(worker, tiles * worker / workers, tiles * (worker + 1) / workers);
  });
}

/// `buffer` as [36, tiles, channels].
torch::Tensor planes_in(const torch::Tensor& buffer, int64_t tiles, int64_t channels) {
  return buffer.narrow(0, 0, kWinogradPlanes * tiles * channels).view({kWinogradPlanes, tiles, channels});
}

torch::Tensor buffer_for(int64_t tiles, int64_t channels) {
  return torch::empty(kWinogradPlanes * std::min(tiles, kTilesAtOnce) * channels, torch::kFloat32);
}

/// The planes of the tiles begin..end of `pictures`, which `kernel` makes, in `buffer`.
torch::Tensor planes_of_tiles(decltype(tiles_of_input)& kernel, const torch::Tensor& pictures, int64_t begin,
                              int64_t end, const torch::Tensor& buffer) {
  const Pictures shape = shape_of(pictures);
  for_tiles(begin, end, shape.padded(), buffer.data_ptr<float>(),
            [&](TileRange range, float* planes) { kernel(pictures.const_data_ptr<float>(), shape, range, planes); });
  return planes_in(buffer, end - begin, shape.padded());
}

/// The convolution itself. `x` in channels_last order; `factors` [36, C, K], both padded; `bias` [K].
torch::Tensor convolve(const torch::Tensor& x, const torch::Tensor& factors, const torch::Tensor& bias) {
  const Pictures in = shape_of(x);
  torch::Tensor y = torch::empty({x.size(0), bias.size(0), x.size(2), x.size(3)},
                                 x.options().memory_format(torch::MemoryFormat::ChannelsLast));
  const Pictures out = shape_of(y);
  for_workers(workers_for(in.tiles()), in.tiles(), [&](int64_t, int64_t first, int64_t last) {
    const torch::Tensor seen = buffer_for(last - first, in.padded()), products = buffer_for(last - first, out.padded());
    for (int64_t begin = first; begin < last; begin += kTilesAtOnce) {
      const int64_t end = std::min(begin + kTilesAtOnce, last);
      torch::Tensor result = planes_in(products, end - begin, out.padded());
      torch::bmm_out(result, planes_of_tiles(tiles_of_input, x, begin, end, seen), factors);
      for_tiles(begin, end, out.padded(), products.data_ptr<float>(), [&](TileRange range, const float* planes) {
        pictures_of_tiles(planes, bias.const_data_ptr<float>(), out, range, y.data_ptr<float>());
      });
    }
  });
  return y;
}

/// Of the weight, [K, C, 3, 3]. Both in channels_last order.
torch::Tensor weight_gradient(const torch::Tensor& x, const torch::Tensor& gradient) {
  const Pictures in = shape_of(x), out = shape_of(gradient);
  const int64_t workers = workers_for(in.tiles(), kWinogradPlanes * out.padded() * in.padded());
  std::vector<torch::Tensor> sums(static_cast<size_t>(workers));
  for_workers(workers, in.tiles(), [&](int64_t worker, int64_t first, int64_t last) {
    const torch::Tensor seen = buffer_for(last - first, in.padded()), wanted = buffer_for(last - first, out.padded());
    torch::Tensor own = torch::zeros({kWinogradPlanes, out.padded(), in.padded()}, torch::kFloat32);
    for (int64_t begin = first; begin < last; begin += kTilesAtOnce) {
      const int64_t end = std::min(begin + kTilesAtOnce, last);
      own.baddbmm_(planes_of_tiles(tiles_of_gradient, gradient, begin, end, wanted).transpose(1, 2),
                   planes_of_tiles(tiles_of_input, x, begin, end, seen));
    }
    sums[static_cast<size_t>(worker)] = own;
  });
  torch::Tensor& sum = sums[0];
  for (size_t worker = 1; worker < sums.size(); ++worker) sum.add_(sums[worker]);
  torch::Tensor weight = torch::empty({out.channels, in.channels, 3, 3}, torch::kFloat32);
  at::parallel_for(0, out.channels, 1, [&](int64_t first, int64_t last) {
    weights_of_planes(sum.const_data_ptr<float>(), {out.channels, in.channels}, first, last, weight.data_ptr<float>());
  });
  return weight;
}

struct WinogradFunction : torch::autograd::Function<WinogradFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias) {
    const torch::Tensor seen = x.contiguous(torch::MemoryFormat::ChannelsLast);
    context->save_for_backward({seen, weight});
    return convolve(seen, planes_of(weight, /*turned=*/false).transpose(1, 2), bias);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return as_operator(kBackwardName, {gradients[0], saved[0], saved[1]}, /*node=*/-1, [&] {
      const torch::Tensor gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
      variable_list result(3);
      if (context->needs_input_grad(0))
        result[0] = convolve(gradient, planes_of(saved[1], /*turned=*/true), torch::zeros(saved[1].size(1)));
      if (context->needs_input_grad(1)) result[1] = weight_gradient(saved[0], gradient);
      if (context->needs_input_grad(2)) result[2] = gradient.sum({0, 2, 3});
      return result;
    });
  }
};

}  // namespace

bool winograd_fits(const torch::Tensor& x, const torch::Tensor& weight) {
  return x.is_cpu() && !at::autocast::is_autocast_enabled(at::kCPU) && x.scalar_type() == torch::kFloat32 &&
         weight.scalar_type() == torch::kFloat32 && std::min(weight.size(0), weight.size(1)) >= kFewestChannels &&
         shape_of(x).tiles() >= kFewestTiles;
}

torch::Tensor winograd_convolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::Tensor offset = bias.defined() ? bias : torch::zeros(weight.size(0));
  return as_operator(kName, {x, weight, offset}, next_node(),
                     [&] { return variable_list{WinogradFunction::apply(x, weight, offset)}; })[0];
}

}  // namespace atelier
