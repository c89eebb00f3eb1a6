#include "train/average.h"

#include <cmath>
#include <gtest/gtest.h>

#include "train/average_profile.h"

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

/// A weight that drifts and shakes, as float32 holds it.
float weight_at(uint64_t position) {
  const auto at = static_cast<double>(position);
  return static_cast<float>(0.05 + 0.01 * std::log1p(at / 1e4) + 1e-4 * std::sin(at));
}

/// Steps of `batch` up to `end`, each with the weight of its end.
void train(Layer& layer, Average& average, uint64_t& position, uint64_t batch, uint64_t end) {
  while (position < end) {
    position += batch;
    layer.set(weight_at(position), 1);
    average.update(position);
  }
}

/// The average by its definition: every step's weight, times the integral of the profile over the step's positions.
struct Definition {
  void add(uint64_t batch, uint64_t end) {
    while (position < end) {
      const uint64_t before = position;
      position += batch;
      sum += weight_at(position) * (power(position) - power(before));
    }
  }
  long double power(uint64_t at) const {
    return std::pow(static_cast<long double>(at) / 1e6L, static_cast<long double>(exponent) + 1);
  }
  double value() const { return static_cast<double>(sum / power(position)); }
  double exponent;
  uint64_t position = 0;
  long double sum = 0;
};

double averaged(const Average& average) { return average.state().at("generator.weight")[2].item<double>(); }

TEST(Average, IsThePowerFunctionAverageOfAllSteps) {
  for (const double length : {kShortLength, kLongLength}) {
    const auto layer = std::make_shared<Layer>();
    Average average(player_of(layer), length);
    Definition all{exponent_of_length(length)}, longer{exponent_of_length(1.05 * length)};
    uint64_t position = 0;
    for (const auto& [batch, end] : {std::pair<uint64_t, uint64_t>(16, 16'000),
                                     std::pair<uint64_t, uint64_t>(50, 100'000)}) {  // the batch size changes
      train(*layer, average, position, batch, end);
      all.add(batch, end);
      longer.add(batch, end);
      EXPECT_NEAR(averaged(average), all.value(), 4e-8) << length << " at " << end;
      EXPECT_GT(std::abs(longer.value() - all.value()), 1e-6) << "a length 5% off would show";
    }
  }
}

TEST(Average, StaysTrueWhenAStepAloneWouldBeRoundedAway) {
  const auto layer = std::make_shared<Layer>();
  Average average(player_of(layer), kLongLength);
  Definition all{exponent_of_length(kLongLength)};
  uint64_t position = 0, updates = 0, last = 0;
  while (position < 600'000) {
    train(*layer, average, position, 1, position + 1);
    updates += average.position() != last;
    last = average.position();
  }
  all.add(1, 600'000);
  EXPECT_NEAR(averaged(average), all.value(), 3e-6) << "float32 with every step's share is off by 6e-5";
  EXPECT_LT(updates, 50'000U) << "and each pass that adds next to nothing is left out";
}

TEST(Average, KnowsTheShareOfASmallStep) {
  // (1e9 - 32) / 1e9, to the power of 18: in long double, which has 11 bits more
  const long double keep = std::pow(1 - 32.0L / 1e9L, 18.0L);
  EXPECT_NEAR(average_share(17, 1'000'000'000 - 32, 1'000'000'000) / static_cast<double>(1 - keep), 1, 1e-11);
  EXPECT_EQ(average_share(17, 0, 32), 1) << "the first weights stand for all before";
}

TEST(Average, TakesWhatIsThereWhenAskedTo) {
  const auto layer = std::make_shared<Layer>();
  Average average(player_of(layer), kShortLength, 1'000'000);
  layer->set(9, 0);
  average.update(1'000'001);
  EXPECT_EQ(average.position(), 1'000'000U);
  EXPECT_EQ(averaged(average), 3);
  average.update(1'000'001, /*now=*/true);
  EXPECT_EQ(average.position(), 1'000'001U);
  EXPECT_NEAR(averaged(average), 3 + 6 * 17.97e-6, 1e-6);
}

TEST(Average, LendsItsWeightsToTheModule) {
  const auto layer = std::make_shared<Layer>();
  std::vector<Average> averages;
  averages.emplace_back(player_of(layer), kShortLength);
  layer->set(10, 4);
  {
    const WithAverages lent(averages);
    EXPECT_EQ(layer->weight[1].item<float>(), 2);
    EXPECT_EQ(layer->palette[1].item<int>(), 4) << "what was noted belongs to the averages, too";
  }
  EXPECT_EQ(layer->weight[1].item<float>(), 10);
  EXPECT_EQ(averages[0].state().at("generator.weight")[1].item<float>(), 2);
  EXPECT_EQ(averages[0].state().at("generator.palette")[1].item<int>(), 4);
}

TEST(Average, ContinuesBitForBitFromItsState) {
  const auto layer = std::make_shared<Layer>();
  Average first(player_of(layer), kShortLength);
  layer->set(0.3F, 1);
  first.update(16);
  layer->set(0.5F, 1);
  first.update(32);
  Average second(player_of(layer), kShortLength, first.position());
  second.load(first.state());
  layer->set(0.7F, 2);
  first.update(48);
  second.update(48);
  EXPECT_TRUE(torch::equal(first.state().at("generator.weight"), second.state().at("generator.weight")));
  EXPECT_THROW(second.load({{"generator.palette", torch::zeros({2})}}), std::invalid_argument);
  EXPECT_THROW(second.load({{"generator.weight", torch::zeros({4})}}), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
