#include "models/convolution.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <limits>
#include <torch/autograd.h>

#include "models/winograd.h"

namespace atelier {
namespace {

struct Shape {
  int64_t samples, inputs, outputs, height, width;
};

torch::Tensor leaf(const torch::Tensor& values) { return values.detach().clone().requires_grad_(true); }

/// Of a - b, beside b.
double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a.to(torch::kFloat64) - b).norm() / b.norm()).item<double>();
}

/// Result and gradients beside those of LibTorch in float64.
void expect_right(const Shape& shape, const torch::Tensor& x, double tolerance) {
  const torch::Tensor given = leaf(x);
  const torch::Tensor weight = leaf(torch::randn({shape.outputs, shape.inputs, 3, 3}) / 10);
  const torch::Tensor bias = leaf(torch::randn({shape.outputs}));
  const torch::Tensor gradient = torch::randn({shape.samples, shape.outputs, shape.height, shape.width});
  ASSERT_TRUE(winograd_fits(given, weight));
  const torch::Tensor y = winograd_convolution(given, weight, bias);
  const auto own = torch::autograd::grad({y}, {given, weight, bias}, {gradient});

  const auto wide = [](const torch::Tensor& tensor) { return leaf(tensor.to(torch::kFloat64)); };
  const torch::Tensor given64 = wide(given), weight64 = wide(weight), bias64 = wide(bias);
  const torch::Tensor y64 = torch::conv2d(given64, weight64, bias64, 1, 1);
  const auto reference = torch::autograd::grad({y64}, {given64, weight64, bias64}, {gradient.to(torch::kFloat64)});
  EXPECT_LT(relative_error(y, y64), tolerance);
  for (size_t i = 0; i < own.size(); ++i) EXPECT_LT(relative_error(own[i], reference[i]), tolerance) << i;
}

TEST(Winograd, IsTheConvolutionOfItsDefinition) {
  torch::manual_seed(1);
  for (const Shape& shape :
       {Shape{3, 32, 48, 16, 16}, Shape{3, 37, 33, 14, 21}, Shape{1, 64, 32, 64, 60}, Shape{50, 32, 32, 3, 1}}) {
    const torch::Tensor x = torch::randn({shape.samples, shape.inputs, shape.height, shape.width});
    expect_right(shape, x, 5e-6);
    expect_right(shape, x.contiguous(torch::MemoryFormat::ChannelsLast), 5e-6);
    expect_right(shape, x.transpose(0, 1).contiguous().transpose(0, 1), 5e-6);
  }
}

TEST(Winograd, IsSharedByThreadsInPartsOfAnySize) {
  torch::manual_seed(4);
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  const Shape shape{2, 32, 48, 61, 43};  // 352 tiles, 3 do not divide them
  expect_right(shape, torch::randn({shape.samples, shape.inputs, shape.height, shape.width}), 5e-6);
  at::set_num_threads(threads);
}

TEST(Winograd, SeesZerosBeyondTheBorder) {
  const torch::Tensor y = winograd_convolution(torch::ones({1, 32, 13, 17}), torch::ones({32, 32, 3, 3}), {});
  EXPECT_NEAR(y[0][5][0][0].item<double>(), 4 * 32, 1e-3);
  EXPECT_NEAR(y[0][5][0][8].item<double>(), 6 * 32, 1e-3);
  EXPECT_NEAR(y[0][5][12][16].item<double>(), 4 * 32, 1e-3);
  EXPECT_NEAR(y[0][5][6][8].item<double>(), 9 * 32, 1e-3);
}

TEST(Winograd, IsTheSameEachTime) {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({2, 32, 24, 24}), weight = torch::randn({32, 32, 3, 3});
  const torch::Tensor first = winograd_convolution(x, weight, {});
  EXPECT_TRUE(torch::equal(winograd_convolution(x, weight, {}), first));
  EXPECT_TRUE(first.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Winograd, LeavesAloneWhatItIsNotFor) {
  const torch::Tensor weight = torch::ones({32, 32, 3, 3});
  EXPECT_TRUE(winograd_fits(torch::ones({1, 32, 28, 28}), weight));
  EXPECT_FALSE(winograd_fits(torch::ones({1, 32, 20, 20}), weight)) << "too few pixels to pay for the transforms";
  EXPECT_FALSE(winograd_fits(torch::ones({1, 8, 64, 64}), torch::ones({32, 8, 3, 3})));
  EXPECT_FALSE(winograd_fits(torch::ones({1, 32, 64, 64}, torch::kBFloat16), weight.to(torch::kBFloat16)));
  EXPECT_FALSE(winograd_fits(torch::ones({1, 32, 64, 64}, torch::kFloat64), weight.to(torch::kFloat64)));
}

TEST(Convolution, IsConv2dWhateverItsOptions) {
  torch::manual_seed(3);
  using Options = torch::nn::Conv2dOptions;
  for (const Options& options :
       {Options(32, 32, 3).padding(1), Options(32, 32, 3).padding(1).bias(false), Options(32, 32, 3),
        Options(32, 32, 3).padding(1).stride(2), Options(32, 32, 3).padding(1).dilation(2),
        Options(32, 32, 3).padding(1).groups(4), Options(32, 32, 3).padding(torch::kSame), Options(32, 32, {3, 1}),
        Options(32, 32, 1), Options(32, 3, 4).stride(2)}) {
    Convolution own(options);
    torch::nn::Conv2d reference(options);
    const torch::NoGradGuard no_grad;
    reference->weight.copy_(own->weight);
    if (reference->bias.defined()) reference->bias.copy_(own->bias);
    const torch::Tensor x = torch::randn({4, 32, 16, 16});
    EXPECT_LT(relative_error(own(x), reference(x).to(torch::kFloat64)), 1e-5);
  }
}

TEST(Convolution, IsOfSixteenBitsUnderAutocast) {
  Convolution convolution(torch::nn::Conv2dOptions(32, 32, 3).padding(1));
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const torch::Tensor y = convolution(torch::ones({1, 32, 64, 64}));
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
}

TEST(Convolution, KeepsWhatIsNotFinite) {
  torch::Tensor x = torch::zeros({1, 32, 64, 64});
  x[0][3][5][5] = std::numeric_limits<float>::infinity();
  Convolution convolution(torch::nn::Conv2dOptions(32, 32, 3).padding(1));
  EXPECT_FALSE(convolution(x).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace atelier
