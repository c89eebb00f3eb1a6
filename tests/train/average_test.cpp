#include "train/average.h"

#include <cmath>
#include <gtest/gtest.h>

namespace atelier {
namespace {

struct Layer : torch::nn::Module {
  Layer() {
    weight = register_parameter("weight", torch::tensor({1.0F, 2.0F, 3.0F}));
    palette = register_buffer("palette", torch::zeros({2}, torch::kUInt8));
  }
  void set(float value, int color) {
    const torch::NoGradGuard no_grad;
    weight.fill_(value);
    palette.fill_(color);
  }
  torch::Tensor weight, palette;
};

Player player_of(const std::shared_ptr<Layer>& layer) { return {"generator", layer, {}, true}; }

TEST(Average, KeepsHalfAfterAHalfLife) {
  EXPECT_DOUBLE_EQ(average_keep(1000, 1'000'000, 1000), 0.5);
  EXPECT_DOUBLE_EQ(average_keep(1000, 1'000'000, 500), std::sqrt(0.5));
}

TEST(Average, ForgetsTheStartOfARunQuickly) {
  EXPECT_DOUBLE_EQ(average_keep(1000, 2000, 100), 0.5) << "5 % of 2,000 is 100";
  EXPECT_DOUBLE_EQ(average_keep(1000, 32, 32), std::exp2(-20.0));
  EXPECT_EQ(average_keep(0, 1000, 10), 0) << "no half-life: the weights themselves";
}

TEST(Average, FollowsTheRecurrence) {
  const auto layer = std::make_shared<Layer>();
  Average average(player_of(layer), 500);
  double expected = 3;  // the last element
  for (uint64_t step = 1; step <= 200; ++step) {
    const auto weight = static_cast<float>(std::sin(static_cast<double>(step)));
    layer->set(weight, static_cast<int>(step));
    average.update(step * 16, 16);
    const double keep = std::exp2(-16 / std::min(500.0, 0.05 * static_cast<double>(step * 16)));
    expected = keep * expected + (1 - keep) * weight;
  }
  const auto state = average.state();
  EXPECT_NEAR(state.at("generator.weight")[2].item<double>(), expected, 1e-5);
  EXPECT_EQ(state.at("generator.palette")[0].item<int>(), 200) << "buffers are copied";
}

TEST(Average, LendsItsWeightsToTheModule) {
  const auto layer = std::make_shared<Layer>();
  std::vector<Average> averages;
  averages.emplace_back(player_of(layer), 500);
  layer->set(10, 4);
  {
    const WithAverages lent(averages);
    EXPECT_EQ(layer->weight[1].item<float>(), 2);
  }
  EXPECT_EQ(layer->weight[1].item<float>(), 10);
  EXPECT_EQ(layer->palette[1].item<int>(), 4);
  EXPECT_EQ(averages[0].state().at("generator.weight")[1].item<float>(), 2);
}

TEST(Average, ContinuesBitForBitFromItsState) {
  const auto layer = std::make_shared<Layer>();
  Average first(player_of(layer), 500), second(player_of(layer), 500);
  layer->set(0.3F, 1);
  first.update(16, 16);
  second.load(first.state());
  layer->set(0.7F, 2);
  first.update(32, 16);
  second.update(32, 16);
  EXPECT_TRUE(torch::equal(first.state().at("generator.weight"), second.state().at("generator.weight")));
  EXPECT_THROW(second.load({{"generator.weight", torch::zeros({3})}}), std::invalid_argument);
  EXPECT_THROW(second.load({{"generator.weight", torch::zeros({4})}, {"generator.palette", torch::zeros({2})}}),
               std::invalid_argument);
}

}  // namespace
}  // namespace atelier
