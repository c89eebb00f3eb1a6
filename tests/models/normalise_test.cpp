#include "models/normalise.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

namespace atelier {
namespace {

constexpr Activation kAll[] = {Activation::kNone, Activation::kSilu, Activation::kRelu, Activation::kLeakyRelu};

torch::Tensor leaf(const torch::Tensor& values) { return values.detach().clone().requires_grad_(true); }

/// Result and gradients beside those of LibTorch's operators in float64.
void expect_right(const torch::Tensor& x, int64_t groups, const torch::Tensor& scale, const torch::Tensor& shift,
                  Activation activation, double tolerance = 2e-6) {
  const std::vector<torch::Tensor> given{leaf(x), leaf(scale), leaf(shift)};
  std::vector<torch::Tensor> wide;
  for (const torch::Tensor& tensor : given) wide.push_back(leaf(tensor.to(torch::kFloat64)));
  const torch::Tensor gradient = torch::randn_like(x);
  const torch::Tensor y = normalise(given[0], groups, given[1], given[2], activation);
  const torch::Tensor reference = normalise_plainly(wide[0], groups, wide[1], wide[2], activation);
  auto own = torch::autograd::grad({y}, given, {gradient});
  auto right = torch::autograd::grad({reference}, wide, {gradient.to(torch::kFloat64)});
  own.push_back(y);
  right.push_back(reference);
  for (size_t i = 0; i < own.size(); ++i) {
    ASSERT_EQ(own[i].sizes(), right[i].sizes());
    EXPECT_EQ(own[i].scalar_type(), torch::kFloat32);
    EXPECT_LT(((own[i] - right[i]).norm() / right[i].norm()).item<double>(), tolerance)
        << i << " of activation " << static_cast<int>(activation) << ", groups " << groups;
  }
}

TEST(Normalise, IsWhatLibTorchsOperatorsGive) {
  torch::manual_seed(1);
  for (const Activation activation : kAll)
    for (const auto& [sizes, groups] : std::vector<std::pair<std::vector<int64_t>, int64_t>>{
             {{2, 32, 20, 20}, 8}, {{3, 20, 7, 5}, 5}, {{1, 48, 40, 33}, 48}, {{4, 16, 1, 2}, 1}}) {
      const torch::Tensor x = torch::randn(sizes) * 2 + 3;
      const torch::Tensor scale = torch::randn({sizes[0], sizes[1]}), shift = torch::randn({sizes[0], sizes[1]});
      expect_right(x, groups, scale, shift, activation);
      expect_right(x.contiguous(torch::MemoryFormat::ChannelsLast), groups, scale[0], shift[0], activation);
    }
}

TEST(Normalise, StaysExactFarFromZero) {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({2, 16, 24, 24}) / 10 + 100;
  expect_right(x, 4, torch::ones({16}), torch::zeros({16}), Activation::kNone, 2e-4);
}

TEST(Normalise, OfWhatIsTheSameEverywhereIsTheShift) {
  const torch::Tensor y =
      normalise(torch::full({1, 16, 8, 8}, 1e6), 4, torch::ones({16}), torch::full({16}, 0.5), Activation::kNone);
  EXPECT_TRUE(torch::allclose(y, torch::full_like(y, 0.5)));
}

TEST(Normalise, ActivatesSmallAndLargeNumbers) {
  const torch::Tensor x = torch::tensor({-1.0f, 1.0f}).repeat({16, 1}).view({1, 16, 1, 2});
  for (const double scale : {1e-6, 1.0, 30.0, 80.0, 1000.0, 1e30})
    for (const Activation activation : kAll) {
      const torch::Tensor scales = torch::full({16}, scale), shifts = torch::zeros({16});
      EXPECT_TRUE(torch::allclose(normalise(x, 16, scales, shifts, activation),
                                  normalise_plainly(x, 16, scales, shifts, activation), 1e-5, 1e-12))
          << scale << ", " << static_cast<int>(activation);
    }
}

TEST(Normalise, IsTheSameOnAnyThreadsAndInAnyBatch) {
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({3, 24, 40, 40}), scale = torch::randn({24}), shift = torch::randn({24});
  const auto of = [&](const torch::Tensor& some) { return normalise(some, 6, scale, shift, Activation::kSilu); };
  const torch::Tensor all = of(x);
  EXPECT_TRUE(torch::equal(of(x.slice(0, 1, 2)), all.slice(0, 1, 2)));
  const int threads = torch::get_num_threads();
  torch::set_num_threads(threads == 1 ? 2 : 1);
  EXPECT_TRUE(torch::equal(of(x), all));
  torch::set_num_threads(threads);
}

TEST(Normalise, IsLibTorchsInOtherTypes) {
  const torch::Tensor x = torch::randn({2, 16, 8, 8}, torch::kFloat64), one = torch::ones({16}, torch::kFloat64);
  EXPECT_TRUE(
      torch::equal(normalise(x, 4, one, one, Activation::kSilu), normalise_plainly(x, 4, one, one, Activation::kSilu)));
}

TEST(Normalise, ComputesSixteenBitsInFloat32) {
  torch::manual_seed(4);
  for (const auto type : {torch::kBFloat16, torch::kFloat16})
    for (const bool autocast : {false, true}) {
      const torch::Tensor x = leaf(torch::randn({2, 16, 9, 8}).to(type)),
                          gradient = torch::randn({2, 16, 9, 8}).to(type);
      const torch::Tensor scale = leaf(torch::randn({2, 16}).to(type)), shift = leaf(torch::randn({2, 16}).to(type));
      std::vector<torch::Tensor> wide;
      for (const torch::Tensor& tensor : {x, scale, shift}) wide.push_back(leaf(tensor.to(torch::kFloat32)));
      at::autocast::set_autocast_enabled(at::kCPU, autocast);
      const torch::Tensor y = normalise(x, 4, scale, shift, Activation::kSilu);
      at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(at::kCPU, false);
      const torch::Tensor exact = normalise(wide[0], 4, wide[1], wide[2], Activation::kSilu);
      EXPECT_TRUE(torch::equal(y, exact.to(type)));
      const auto own = torch::autograd::grad({y}, {x, scale, shift}, {gradient});
      const auto right = torch::autograd::grad({exact}, wide, {gradient.to(torch::kFloat32)});
      for (size_t i = 0; i < own.size(); ++i) EXPECT_TRUE(torch::equal(own[i], right[i].to(type))) << i;
    }
}

}  // namespace
}  // namespace atelier
