#include "train/precision.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "train/optimizer.h"

namespace atelier {
namespace {

torch::Tensor normal(torch::IntArrayRef shape, uint64_t seed) {
  const auto tensor = torch::empty(shape);
  fill_normal({tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())}, seed, 0, Purpose::kNoise);
  return tensor;
}

/// Two convolutions that learn to blur: enough for autocast to have something to do.
struct Network : torch::nn::Module {
  Network() {
    first = register_parameter("first", 0.2 * normal({8, 3, 3, 3}, 1));
    second = register_parameter("second", 0.1 * normal({3, 8, 3, 3}, 2));
  }
  torch::Tensor forward(const torch::Tensor& x) const {
    return torch::conv2d(torch::silu(torch::conv2d(x, first, {}, 1, 1)), second, {}, 1, 1);
  }
  torch::Tensor first, second;
};

/// The losses of 30 steps in `dtype`.
std::vector<double> train(torch::ScalarType dtype) {
  at::set_num_threads(1);  // too little work for more
  const auto network = std::make_shared<Network>();
  Optimizer optimizer({"network", network, {}, false}, 0, dtype);
  const auto x = normal({4, 3, 12, 12}, 3);
  const auto target = torch::avg_pool2d(x, 3, 1, 1);
  std::vector<double> losses;
  for (int step = 0; step < 30; ++step) {
    torch::Tensor loss;
    {
      const Autocast autocast(torch::kCPU, dtype);
      const auto y = network->forward(x);
      EXPECT_EQ(y.scalar_type(), dtype);
      loss = (y.to(torch::kFloat32) - target).square().mean();
    }
    optimizer.drop_gradients();
    optimizer.backward(loss);
    EXPECT_FALSE(read_updates({optimizer.step(1e-2, 0)}).front().skipped);
    EXPECT_EQ(network->first.grad().scalar_type(), torch::kFloat32);
    losses.push_back(loss.item<double>());
  }
  return losses;
}

TEST(Precision, LearnsTheSameInEveryArithmetic) {
  const auto full = train(torch::kFloat32);
  ASSERT_LT(full.back(), 0.5 * full.front());
  for (const auto dtype : {torch::kBFloat16, torch::kFloat16}) {
    const auto mixed = train(dtype);
    for (size_t step = 0; step < full.size(); ++step)
      EXPECT_NEAR(mixed[step], full[step], 0.02 * full[step]) << precision_name(dtype) << ", step " << step;
    EXPECT_NE(mixed, full) << precision_name(dtype) << " was not used";
  }
}

TEST(Precision, AutocastEndsWithItsScope) {
  ASSERT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  const auto dtype = at::autocast::get_autocast_dtype(at::kCPU);
  {
    const Autocast outer(torch::kCPU, torch::kFloat16);
    EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU));
    {
      const Autocast inner(torch::kCPU, torch::kBFloat16);
      EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCPU), torch::kBFloat16);
    }
    EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCPU));
    EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCPU), torch::kFloat16);
  }
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCPU), dtype);
}

TEST(Precision, AutocastForgetsTheCopiesOfTheWeights) {
  auto weight = torch::ones({4, 4}).requires_grad_();
  const auto x = torch::ones({1, 4});
  for (const float value : {1.0F, 2.0F}) {
    {
      const torch::NoGradGuard no_grad;
      weight.fill_(value);
    }
    const Autocast autocast(torch::kCPU, torch::kBFloat16);
    EXPECT_EQ(torch::mm(x, weight)[0][0].item<float>(), 4 * value);
  }
}

TEST(Precision, AutoMeasuresAndSaysWhatItFound) {
  const auto start = std::chrono::steady_clock::now();
  const PrecisionChoice choice = choose_precision(Precision::kAuto, torch::kCPU, 32);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_TRUE(choice.dtype == torch::kFloat32 || choice.dtype == torch::kBFloat16);
  EXPECT_NE(choice.why.find(choice.dtype == torch::kFloat32 ? "in bfloat16" : "in float32"), std::string::npos)
      << choice.why;
}

TEST(Precision, AutoTakesTheFasterOne) {
  EXPECT_EQ(faster_precision(12, 31).dtype, torch::kFloat32);
  EXPECT_EQ(faster_precision(12, 31).why, "12 ms a test step against 31 in bfloat16");
  EXPECT_EQ(faster_precision(31, 12).dtype, torch::kBFloat16);
  EXPECT_EQ(faster_precision(31, 12).why, "12 ms a test step against 31 in float32");
}

TEST(Precision, TakesWhatIsAskedForAndKnowsTheNames) {
  EXPECT_EQ(choose_precision(Precision::kFloat16, torch::kCPU).dtype, torch::kFloat16);
  EXPECT_EQ(choose_precision(Precision::kBfloat16, torch::kCPU).dtype, torch::kBFloat16);
  EXPECT_EQ(choose_precision(Precision::kFloat32, torch::kCPU).dtype, torch::kFloat32);
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat16})
    EXPECT_EQ(precision_dtype(precision_name(dtype)), dtype);
  EXPECT_THROW(precision_dtype("auto"), std::invalid_argument);
}

TEST(GradientScaler, HalvesItsScaleAtAnOverflowAndTheUpdateIsSkipped) {
  const auto network = std::make_shared<Network>();
  Optimizer optimizer({"network", network, {}, false}, 0, torch::kFloat16);
  const auto before = network->first.detach().clone();
  const auto gradient_of = [&](double size) {
    optimizer.drop_gradients();
    optimizer.backward((network->first * size).sum() + (network->second * size).sum());
    return read_updates({optimizer.step(1e-3, 0)}).front();
  };
  EXPECT_TRUE(gradient_of(1e36).skipped) << "1e36 * 65536 is more than a float32 holds";
  EXPECT_TRUE(torch::equal(network->first, before));
  EXPECT_EQ(optimizer.scaler().current_scale(), 32768);
  const Update good = gradient_of(1);
  EXPECT_FALSE(good.skipped);
  EXPECT_NEAR(good.norm, std::sqrt(432.0), 1e-3) << "the scale is divided out again";
  EXPECT_FALSE(torch::equal(network->first, before));
}

TEST(GradientScaler, DoublesItsScaleAfterManyGoodSteps) {
  GradientScaler scaler(torch::kFloat16, torch::kCPU);
  const auto good = torch::zeros({1}), bad = torch::ones({1});
  for (int step = 0; step < 1999; ++step) scaler.update(good);
  EXPECT_EQ(scaler.current_scale(), 65536);
  scaler.update(good);
  EXPECT_EQ(scaler.current_scale(), 131072);
  for (int step = 0; step < 1999; ++step) scaler.update(good);
  scaler.update(bad);
  EXPECT_EQ(scaler.current_scale(), 65536) << "an overflow starts the count again";
}

TEST(GradientScaler, DoesNotFallBelowItsSmallestScale) {
  GradientScaler scaler(torch::kFloat16, torch::kCPU);
  for (int step = 0; step < 15; ++step) scaler.update(torch::ones({1}));
  EXPECT_EQ(scaler.current_scale(), 2);
  EXPECT_FALSE(scaler.exhausted().item<bool>());
  for (int step = 0; step < 10; ++step) scaler.update(torch::ones({1}));
  EXPECT_EQ(scaler.current_scale(), 1);
  EXPECT_TRUE(scaler.exhausted().item<bool>());
  scaler.load({{"scale", 0.25}, {"good_steps", 0}});
  EXPECT_EQ(scaler.current_scale(), 1) << "as an earlier version may have saved it";
  EXPECT_TRUE(GradientScaler(torch::kBFloat16, torch::kCPU).exhausted().item<bool>()) << "nothing to fall";
}

TEST(GradientScaler, ContinuesFromItsState) {
  GradientScaler first(torch::kFloat16, torch::kCPU), second(torch::kFloat16, torch::kCPU);
  for (int step = 0; step < 1500; ++step) first.update(torch::zeros({1}));
  second.load(nlohmann::json::parse(first.state().dump()));
  for (int step = 0; step < 500; ++step) second.update(torch::zeros({1}));
  EXPECT_EQ(second.current_scale(), 131072);
  EXPECT_THROW(second.load({{"scale", 1}}), std::invalid_argument);
}

TEST(GradientScaler, LeavesOtherPrecisionsUnscaled) {
  GradientScaler scaler(torch::kBFloat16, torch::kCPU);
  scaler.update(torch::ones({1}));
  EXPECT_EQ(scaler.current_scale(), 1);
  const auto loss = torch::tensor(3.0F);
  EXPECT_TRUE(torch::equal(scaler.scale(loss), loss));
  EXPECT_EQ(scaler.divisor().item<float>(), 1);
}

}  // namespace
}  // namespace atelier
