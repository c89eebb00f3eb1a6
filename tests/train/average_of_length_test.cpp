#include "train/average_of_length.h"

#include <cmath>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/train/fixtures.h"
#include "train/average.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uint64_t kSteps = 1'000, kBatch = 8;
constexpr int64_t kSnapshots = 32, kWeights = 64;

struct Layer : torch::nn::Module {
  Layer() {
    weight = register_parameter("weight", torch::full({kWeights}, 5.0F));
    seen = register_buffer("seen", torch::zeros({1}, torch::kInt64));
  }
  torch::Tensor weight, seen;
};

/// 64 weights that learn, fast at first, and shake as steps of a learning rate do; float64 [kSteps, kWeights] of the
/// numbers that float32 holds.
torch::Tensor trajectory() {
  const auto step = torch::arange(1, static_cast<int64_t>(kSteps) + 1, torch::kFloat64).unsqueeze(1);
  const auto weight = torch::arange(kWeights, torch::kFloat64).unsqueeze(0);
  const auto learnt = torch::sin(weight) * (1 - torch::exp(-step / (20 * (1 + weight))));
  const auto shaken = 0.05 * torch::sin(step * (1.7 + weight)) + 0.05 * torch::sin(step * 0.01 * weight);
  return (learnt + shaken).to(torch::kFloat32).to(torch::kFloat64);
}

/// The average by its definition: each step weighs what the profile's integral over its positions is.
torch::Tensor average_of_all(const torch::Tensor& weights, double length, int64_t steps) {
  const double power = exponent_of_length(length) + 1;
  const auto edges = (torch::arange(steps + 1, torch::kFloat64) / static_cast<double>(steps)).pow(power);
  return (edges.slice(0, 1) - edges.slice(0, 0, steps)).unsqueeze(1).mul(weights.slice(0, 0, steps)).sum(0);
}

double root_mean_square(const torch::Tensor& x) { return x.square().mean().sqrt().item<double>(); }

/// A run of a network of 64 weights with the known trajectory.
class AverageOfLength : public testing::Test {
 protected:
  AverageOfLength() {
    const auto layer = std::make_shared<Layer>();
    const Player player{"generator", layer, {}, true};
    std::vector<Average> shorter, longer;
    shorter.emplace_back(player, kShortLength);
    longer.emplace_back(player, kLongLength);
    const torch::NoGradGuard no_grad;
    for (Clock clock(kBatch, kSteps * kBatch); !clock.finished();) {
      layer->weight.copy_(weights_[static_cast<int64_t>(clock.step())]);
      clock.advance();
      layer->seen.fill_(static_cast<int64_t>(clock.step()));
      const bool due = average_snapshot_due(clock, kSnapshots);
      shorter[0].update(clock.position(), due);
      longer[0].update(clock.position(), due);
      if (due) write_average_snapshot(run_.path(), clock.position(), spec_, state_of(shorter), state_of(longer));
    }
    std::vector<std::string> warnings;
    kept_ = list_kept_averages(
        run_.path(), [](double) {}, warnings);
  }

  WeightsFile make(const std::vector<KeptAverage>& kept, double length) const {
    return blend_files(kept, blend_to_length(kept, length), length, [](double) {});
  }

  const ModelSpec spec_ = [] {
    ModelSpec spec;
    spec.channels = 1;
    spec.levels = 1;
    return spec;
  }();
  const torch::Tensor weights_ = trajectory();
  TemporaryFolder run_;
  std::vector<KeptAverage> kept_;
};

TEST_F(AverageOfLength, IsTheAverageOfAllSteps) {
  for (const uint64_t position : {kSteps * kBatch, kSteps * kBatch / 2}) {
    const auto steps = static_cast<int64_t>(position / kBatch);
    for (const double length : {0.06, 0.08, 0.15}) {
      const WeightsFile made = make(kept_until(kept_, position), length);
      const torch::Tensor wanted = average_of_all(weights_, length, steps);
      const double error = root_mean_square(made.tensors.at("generator.weight").to(torch::kFloat64) - wanted);
      const double moved = root_mean_square(average_of_all(weights_, kShortLength, steps) -
                                            average_of_all(weights_, kLongLength, steps));
      RecordProperty(fmt::format("error_{}_{}", length, position), fmt::format("{:.3g} of {:.3g}", error, moved));
      EXPECT_LT(error, 0.003 * moved) << length << " at " << position;
      EXPECT_GT(root_mean_square(average_of_all(weights_, 1.05 * length, steps) - wanted), 0.03 * moved)
          << "a length 5% off is seen";
      EXPECT_EQ(made.position, position);
      EXPECT_EQ(made.spec, spec_);
      EXPECT_EQ(made.tensors.at("generator.seen").item<int64_t>(), steps) << "buffers are those of the end";
    }
  }
}

TEST_F(AverageOfLength, IsMadeWhereSnapshotsAre) {
  const auto refusal = [&](uint64_t position) -> std::string {
    try {
      kept_until(kept_, position);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "made";
  };
  EXPECT_EQ(refusal(504), "made");
  EXPECT_THAT(refusal(505),
              HasSubstr("no snapshot of the averages was kept at position 505; the last one before it is at 504"));
  EXPECT_THAT(refusal(256), HasSubstr("fewer than two"));
  EXPECT_THAT(refusal(1), HasSubstr("fewer than two"));
}

TEST_F(AverageOfLength, NamesTheLengthsWithinReach) {
  EXPECT_NO_THROW(blend_to_length(kept_, 0.02));
  EXPECT_NO_THROW(blend_to_length(kept_, 0.26));
  try {
    blend_to_length(kept_, 0.01);
    FAIL() << "made";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("off by 17%; lengths from 0.02 to 0.27 are within 10%"));
  }
}

TEST_F(AverageOfLength, IsOfOneNetworkOnly) {
  const auto other = torch::zeros({2});
  write_average_snapshot(run_.path(), 504, spec_, {{"generator.weight", other}}, {{"generator.weight", other}});
  EXPECT_THROW(make(kept_, 0.08), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
