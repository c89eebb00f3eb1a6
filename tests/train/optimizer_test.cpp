#include "train/optimizer.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace atelier {
namespace {

/// A linear layer whose gradients the test chooses.
struct Layer : torch::nn::Module {
  Layer() {
    weight = register_parameter("weight", torch::linspace(-1, 1, 6).reshape({3, 2}));
    bias = register_parameter("bias", torch::linspace(-1, 1, 3));
  }
  torch::Tensor weight, bias;
};

Player player_of(const std::shared_ptr<Layer>& layer, const AdamSettings& adam = {}) {
  return {"generator", layer, adam, true};
}

/// A loss whose gradient at element i, counted over weight and bias, is sin(1 + i + 0.7 * step).
torch::Tensor known_loss(const Layer& layer, int step) {
  const auto slope = torch::sin(1 + torch::arange(9, torch::kFloat32) + 0.7 * step);
  return (layer.weight.flatten() * slope.slice(0, 0, 6)).sum() + (layer.bias * slope.slice(0, 6)).sum();
}

Update step_with(Optimizer& optimizer, const torch::Tensor& loss, double rate = 1e-2, double clip = 0) {
  optimizer.drop_gradients();
  optimizer.backward(loss);
  return read_updates({optimizer.step(rate, clip)}).front();
}

void expect_near(const torch::Tensor& actual, const nlohmann::json& expected, const std::string& what) {
  const auto values = torch::tensor(expected.get<std::vector<float>>());
  EXPECT_TRUE(torch::allclose(actual.flatten(), values, 1e-5, 1e-6)) << what << "\n" << actual << "\n" << values;
}

TEST(Optimizer, FollowsPyTorchsAdamW) {
  std::ifstream file(ATELIER_SOURCE_DIR "/tests/train/reference/adamw.json");
  const auto reference = nlohmann::json::parse(file);
  for (const auto& wanted : reference["cases"]) {
    const auto layer = std::make_shared<Layer>();
    Optimizer optimizer(player_of(layer, {wanted["beta1"], wanted["beta2"], wanted["epsilon"]}), wanted["weight_decay"],
                        torch::kFloat32);
    for (int step = 0; step < reference["steps"]; ++step) {
      const Update update = step_with(optimizer, known_loss(*layer, step), wanted["rate"], wanted["clip"]);
      EXPECT_NEAR(update.norm, wanted["norms"][static_cast<size_t>(step)].get<double>(), 1e-5);
      EXPECT_FALSE(update.skipped);
    }
    const auto state = optimizer.state();
    EXPECT_EQ(state.at("generator.step").item<float>(), 10);
    for (const std::string name : {"weight", "bias"}) {
      expect_near(layer->named_parameters()[name].detach(), wanted["parameters"][name], name);
      expect_near(state.at("generator.exp_avg." + name), wanted["exp_avg"][name], "exp_avg of " + name);
      expect_near(state.at("generator.exp_avg_sq." + name), wanted["exp_avg_sq"][name], "exp_avg_sq of " + name);
    }
  }
}

TEST(Optimizer, SkipsAnUpdateWhoseLossIsNotFinite) {
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const auto layer = std::make_shared<Layer>();
    Optimizer optimizer(player_of(layer), 0, torch::kFloat32);
    step_with(optimizer, known_loss(*layer, 0));
    const auto weight = layer->weight.detach().clone();
    const auto mean = optimizer.state().at("generator.exp_avg.weight").clone();
    EXPECT_TRUE(step_with(optimizer, known_loss(*layer, 1) * bad).skipped);
    EXPECT_TRUE(step_with(optimizer, known_loss(*layer, 1) + bad).skipped) << "the gradients are finite here";
    EXPECT_TRUE(torch::equal(layer->weight, weight));
    EXPECT_TRUE(torch::equal(optimizer.state().at("generator.exp_avg.weight"), mean));
    EXPECT_EQ(optimizer.state().at("generator.step").item<float>(), 1);
    EXPECT_FALSE(step_with(optimizer, known_loss(*layer, 1)).skipped) << "the next good step counts again";
    EXPECT_FALSE(torch::equal(layer->weight, weight));
  }
}

TEST(Optimizer, SkipsAnUpdateThatWouldFillItsSecondMomentForGood) {
  const auto layer = std::make_shared<Layer>();
  Optimizer optimizer(player_of(layer), 0, torch::kFloat32);
  const Update update = step_with(optimizer, known_loss(*layer, 0) * 1e25);
  EXPECT_TRUE(update.skipped);
  EXPECT_TRUE(update.fault);
  EXPECT_TRUE(std::isfinite(update.loss));
  EXPECT_EQ(optimizer.state().at("generator.exp_avg_sq.weight").abs().max().item<float>(), 0);
}

TEST(Optimizer, UpdatesFromAScaledLossAsFromTheLossItself) {
  for (const double clip : {0.0, 0.5, 100.0}) {
    const auto layer = std::make_shared<Layer>(), scaled = std::make_shared<Layer>();
    Optimizer optimizer(player_of(layer), 0, torch::kFloat32), other(player_of(scaled), 0, torch::kFloat16);
    for (int step = 0; step < 5; ++step) {
      const Update wanted = step_with(optimizer, known_loss(*layer, step), 1e-2, clip);
      const Update update = step_with(other, known_loss(*scaled, step), 1e-2, clip);
      EXPECT_NEAR(update.norm, wanted.norm, 1e-6);
      EXPECT_NEAR(update.loss, wanted.loss, 1e-6);
    }
    EXPECT_TRUE(torch::allclose(layer->weight, scaled->weight, 1e-6, 1e-7)) << clip;
    EXPECT_TRUE(torch::allclose(optimizer.state().at("generator.exp_avg_sq.weight"),
                                other.state().at("generator.exp_avg_sq.weight"), 1e-5, 1e-9))
        << clip;
  }
}

TEST(Optimizer, IsBarredByTheFaultOfAnotherPlayer) {
  const auto first = std::make_shared<Layer>(), second = std::make_shared<Layer>();
  Optimizer one(player_of(first), 0, torch::kFloat32), two(player_of(second), 0, torch::kFloat32);
  const auto before = second->weight.detach().clone();
  for (const bool bad : {true, false}) {
    one.drop_gradients();
    one.backward(known_loss(*first, 0) * (bad ? std::numeric_limits<double>::quiet_NaN() : 1.0));
    const PendingUpdate of_first = one.step(1e-2, 0);
    two.drop_gradients();
    two.backward(known_loss(*second, 0));
    const auto updates = read_updates({of_first, two.step(1e-2, 0, &of_first)});
    EXPECT_EQ(updates[0].fault, bad);
    EXPECT_EQ(updates[1].skipped, bad);
    EXPECT_EQ(torch::equal(second->weight, before), bad);
    EXPECT_TRUE(std::isfinite(updates[1].loss));
  }
  EXPECT_EQ(two.state().at("generator.step").item<float>(), 1);
}

TEST(Optimizer, SumsTheGradientsOfSeveralLosses) {
  const auto once = std::make_shared<Layer>(), twice = std::make_shared<Layer>();
  Optimizer one(player_of(once), 0, torch::kFloat32), two(player_of(twice), 0, torch::kFloat32);
  const double whole = step_with(one, known_loss(*once, 0)).norm;
  two.drop_gradients();
  two.backward(known_loss(*twice, 0) * 0.5);
  two.backward(known_loss(*twice, 0) * 0.5);
  EXPECT_NEAR(read_updates({two.step(1e-2, 0)}).front().norm, whole, 1e-6);
}

TEST(Optimizer, ContinuesBitForBitFromItsState) {
  const auto layer = std::make_shared<Layer>(), copy = std::make_shared<Layer>();
  Optimizer first(player_of(layer), 0.1, torch::kFloat32);
  for (int step = 0; step < 3; ++step) step_with(first, known_loss(*layer, step));
  {
    const torch::NoGradGuard no_grad;
    copy->weight.copy_(layer->weight);
    copy->bias.copy_(layer->bias);
  }
  Optimizer second(player_of(copy), 0.1, torch::kFloat32);
  second.load(first.state());
  for (int step = 3; step < 6; ++step) {
    step_with(first, known_loss(*layer, step));
    step_with(second, known_loss(*copy, step));
  }
  EXPECT_TRUE(torch::equal(layer->weight, copy->weight));
  EXPECT_TRUE(torch::equal(layer->bias, copy->bias));
}

TEST(Optimizer, RefusesAStateOfAnotherShapeAndChangesNothing) {
  const auto layer = std::make_shared<Layer>();
  Optimizer optimizer(player_of(layer), 0, torch::kFloat32);
  step_with(optimizer, known_loss(*layer, 0));
  auto state = optimizer.state();
  for (auto& [name, tensor] : state) tensor = torch::full_like(tensor, 7);
  state["generator.exp_avg_sq.weight"] = torch::zeros({2, 3});
  EXPECT_THROW(optimizer.load(state), std::invalid_argument);
  state.erase("generator.exp_avg_sq.weight");
  EXPECT_THROW(optimizer.load(state), std::invalid_argument);
  for (const auto& [name, tensor] : optimizer.state()) EXPECT_FALSE(tensor.eq(7).any().item<bool>()) << name;
}

TEST(Optimizer, LeavesFrozenParametersAlone) {
  const auto layer = std::make_shared<Layer>();
  layer->bias.set_requires_grad(false);
  const auto bias = layer->bias.clone();
  Optimizer optimizer(player_of(layer), 0.1, torch::kFloat32);
  step_with(optimizer, known_loss(*layer, 0));
  EXPECT_TRUE(torch::equal(layer->bias, bias));
  layer->weight.set_requires_grad(false);
  EXPECT_THROW(Optimizer(player_of(layer), 0, torch::kFloat32), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
