#include "models/diffusion_objective.h"

#include <ATen/autocast_mode.h>
#include <algorithm>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include "models/formulation.h"
#include "models/keyed.h"
#include "models/pixels.h"

namespace atelier {
namespace {

ModelSpec tiny(const std::string& objective) {
  return {.objective = objective,
          .image_size = 16,
          .labels = {"chair", "table", "sofa"},
          .channels = 16,
          .levels = 2,
          .blocks = 1,
          .attention_size = 8,
          .dropout = 0.1,
          .label_dropout = 0.3};
}

/// Weights of every tensor away from 0, so that everything shows in the outputs.
std::unique_ptr<Objective> random_objective(const ModelSpec& spec) {
  auto objective = make_diffusion(spec, 1);
  initialise_weights(*objective->players()[0].module, 5);
  return objective;
}

/// Pictures of one coloured square each, place and colour by label.
Examples squares(const std::vector<uint64_t>& positions) {
  Examples examples;
  const auto count = static_cast<int64_t>(positions.size());
  examples.images = torch::full({count, 3, 16, 16}, 255, torch::kUInt8);
  examples.labels = torch::zeros({count}, torch::kInt64);
  examples.positions = positions;
  for (int64_t n = 0; n < count; ++n) {
    const auto label = static_cast<int64_t>(positions[static_cast<size_t>(n)] % 3);
    examples.labels[n] = label;
    examples.images[n].slice(1, 2 + 3 * label, 9 + 3 * label).slice(2, 4, 12) = 30;
    examples.images[n][label].slice(0, 2, 10) = 120;
  }
  return examples;
}

Examples rows(const Examples& all, const std::vector<int64_t>& wanted) {
  const torch::Tensor index = torch::tensor(wanted);
  Examples picked{all.images.index_select(0, index), {}, all.labels.index_select(0, index), {}};
  for (const int64_t n : wanted) picked.positions.push_back(all.positions[static_cast<size_t>(n)]);
  return picked;
}

Wish wish_for(std::vector<uint64_t> seeds) {
  Wish wish;
  wish.labels = torch::ones({static_cast<int64_t>(seeds.size())}, torch::kInt64);
  wish.steps = 4;
  wish.seeds = std::move(seeds);
  return wish;
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

/// EDM and flow matching behave alike.
class DiffusionObjective : public testing::TestWithParam<std::string> {
 protected:
  static ModelSpec tiny() { return atelier::tiny(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Objectives, DiffusionObjective, testing::Values("edm", "flow"),
                         [](const auto& objective) { return objective.param; });

TEST_P(DiffusionObjective, TheLossOfASampleFollowsFromSeedAndPositionWhateverTheBatch) {
  const auto objective = random_objective(tiny());
  const torch::NoGradGuard no_grad;
  const Examples all = squares({100, 101, 102, 103, 104});
  const torch::Tensor together = objective->loss(0, all, 7);
  EXPECT_EQ(together.sizes(), torch::IntArrayRef{5});
  EXPECT_EQ(together.scalar_type(), torch::kFloat32);
  const torch::Tensor split =
      torch::cat({objective->loss(0, rows(all, {4, 0}), 7), objective->loss(0, rows(all, {1, 2, 3}), 7)});
  EXPECT_TRUE(torch::allclose(split, together.index_select(0, torch::tensor({4, 0, 1, 2, 3})), 1e-5, 1e-5));
  EXPECT_TRUE(torch::equal(objective->loss(0, all, 7), together));
  EXPECT_GT(largest(objective->loss(0, all, 8) - together), 1e-3);
}

TEST_P(DiffusionObjective, AnUntrainedModelHasALossNearOneAndNoLabelChangesIt) {
  const auto objective = make_diffusion(tiny(), 1);
  const torch::NoGradGuard no_grad;
  Examples examples = squares({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const torch::Tensor loss = objective->loss(0, examples, 7);
  examples.labels.fill_(-1);
  EXPECT_TRUE(torch::equal(objective->loss(0, examples, 7), loss));
  EXPECT_GT(loss.min().item<double>(), 0.3);
  EXPECT_LT(loss.max().item<double>(), 4);
}

TEST_P(DiffusionObjective, LabelsAreDroppedByPosition) {
  ModelSpec spec = tiny();
  spec.dropout = 0;
  spec.label_dropout = 0.5;
  const auto objective = random_objective(spec);
  const torch::NoGradGuard no_grad;
  std::vector<uint64_t> positions(64);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = i;
  Examples examples = squares(positions);
  const torch::Tensor told = objective->loss(0, examples, 7);
  examples.labels.fill_(-1);
  const auto same = told.eq(objective->loss(0, examples, 7)).sum().item<int64_t>();
  EXPECT_GT(same, 16);
  EXPECT_LT(same, 48);
}

TEST_P(DiffusionObjective, LearnsAFewPicturesAndAllOfItLearns) {
  ModelSpec spec = tiny();
  spec.dropout = 0;
  const auto objective = make_diffusion(spec, 1);
  const auto parameters = objective->players()[0].module->parameters();
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(3e-3));
  const double before = objective->held_out_loss(squares({0, 1, 2}), 3).mean().item<double>();
  for (uint64_t step = 0; step < 300; ++step) {
    std::vector<uint64_t> positions(12);
    for (size_t i = 0; i < positions.size(); ++i) positions[i] = step * 12 + i;
    adam.zero_grad();
    objective->loss(0, squares(positions), 7).mean().backward();
    adam.step();
  }
  const double after = objective->held_out_loss(squares({0, 1, 2}), 3).mean().item<double>();
  EXPECT_LT(after, before / 4) << before;

  for (const auto& parameter : objective->players()[0].module->named_parameters()) {
    EXPECT_GT(largest(parameter.value().grad()), 0) << parameter.key();
  }
}

TEST_P(DiffusionObjective, TheHeldOutLossHasNoLuckInItButTheNoise) {
  ModelSpec spec = tiny();
  spec.dropout = 0.5;
  spec.label_dropout = 0.5;
  const auto objective = random_objective(spec);
  spec.dropout = spec.label_dropout = 0;
  const auto without_dropout = random_objective(spec);
  const Examples examples = squares({20, 21, 22});
  const torch::Tensor loss = objective->held_out_loss(examples, 3);
  EXPECT_FALSE(loss.requires_grad());
  EXPECT_EQ(loss.sizes(), torch::IntArrayRef{3});
  EXPECT_TRUE(torch::equal(loss, without_dropout->held_out_loss(examples, 3)));
  EXPECT_TRUE(torch::allclose(loss[1], objective->held_out_loss(rows(examples, {1}), 3)[0], 1e-5, 1e-5));
  EXPECT_EQ(objective->held_out_name(), GetParam() == "edm" ? "EDM loss" : "flow loss");
}

TEST_P(DiffusionObjective, SixteenBitNetworksKeepTheLossInFloat32) {
  const auto objective = random_objective(tiny());
  const Examples examples = squares({1, 2, 3, 4});
  const torch::Tensor exact = objective->loss(0, examples, 7).detach();
  for (const auto type : {at::kBFloat16, at::kHalf}) {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, type);
    const torch::Tensor loss = objective->loss(0, examples, 7);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    EXPECT_EQ(loss.scalar_type(), torch::kFloat32);
    EXPECT_FALSE(torch::equal(loss.detach(), exact));  // it did run in 16 bits
    EXPECT_TRUE(torch::allclose(loss.detach(), exact, 0.05, 0.02)) << loss << exact;
    loss.mean().backward();
  }
}

TEST_P(DiffusionObjective, APictureFollowsFromItsOwnSeedWhateverItIsGeneratedWith) {
  const auto objective = random_objective(tiny());
  for (const double guidance : {1.0, 2.0}) {
    Wish three = wish_for({11, 12, 13});
    three.guidance = guidance;
    Wish one = wish_for({12});
    one.guidance = guidance;
    const torch::Tensor pictures = objective->generate(three);
    EXPECT_EQ(pictures.sizes(), (torch::IntArrayRef{3, 3, 16, 16}));
    EXPECT_EQ(pictures.scalar_type(), torch::kUInt8);
    EXPECT_TRUE(torch::equal(objective->generate(one)[0], pictures[1]));
    EXPECT_FALSE(torch::equal(pictures[0], pictures[1]));
  }
}

TEST_P(DiffusionObjective, LabelAndGuidanceChangeThePicture) {
  const auto objective = random_objective(tiny());
  Wish wish = wish_for({11});
  const torch::Tensor plain = objective->generate(wish);
  wish.guidance = 3;
  EXPECT_FALSE(torch::equal(objective->generate(wish), plain));
  wish.labels.fill_(-1);  // without a label there is nothing to exaggerate
  const torch::Tensor guided = objective->generate(wish);
  wish.guidance = 1;
  EXPECT_LE(largest(objective->generate(wish).to(torch::kInt32) - guided.to(torch::kInt32)), 1);
  EXPECT_FALSE(torch::equal(guided, plain));
}

TEST_P(DiffusionObjective, StrengthSaysHowFarToLeaveADesign) {
  const auto objective = make_diffusion(tiny(), 1);  // its denoiser is c_skip noisy: it knows nothing, but is sane
  Wish wish = wish_for({11});
  const torch::Tensor scratch = objective->generate(wish);
  wish.start = squares({4}).images;
  const auto distance = [&](double strength) {
    wish.strength = strength;
    return largest(objective->generate(wish).to(torch::kFloat32) - wish.start.to(torch::kFloat32));
  };
  EXPECT_EQ(distance(0), 0);
  EXPECT_LT(distance(0.05), 30);
  EXPECT_LT(distance(0.05), distance(0.6));
  wish.strength = 1;
  EXPECT_TRUE(torch::equal(objective->generate(wish), scratch));
}

TEST_P(DiffusionObjective, AConditionedModelDrawsWhatTheConditionSays) {
  ModelSpec spec = tiny();
  spec.condition = "outline";
  const auto objective = random_objective(spec);
  Wish wish = wish_for({11});
  wish.guidance = 2;
  EXPECT_THROW(objective->generate(wish), std::invalid_argument);
  wish.conditions = torch::zeros({1, 1, 16, 16}, torch::kUInt8);
  const torch::Tensor empty = objective->generate(wish);
  wish.conditions.slice(2, 4, 9).fill_(255);
  EXPECT_FALSE(torch::equal(objective->generate(wish), empty));

  Examples examples = squares({1});
  examples.conditions = wish.conditions;
  const torch::Tensor loss = objective->loss(0, examples, 7);
  examples.conditions = torch::zeros_like(wish.conditions);
  EXPECT_GT(largest(objective->loss(0, examples, 7) - loss), 1e-4);
}

/// Samples that are told what they see, however it changes.
int64_t unaware(Objective& objective, Examples examples, const torch::Tensor& other_conditions) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor loss = objective.loss(0, examples, 7);
  examples.conditions = other_conditions;
  return loss.eq(objective.loss(0, examples, 7)).sum().item<int64_t>();
}

TEST_P(DiffusionObjective, ConditionsAreDroppedByPosition) {
  ModelSpec spec = tiny();
  spec.condition = "outline";
  std::vector<uint64_t> positions(64);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = i;
  Examples examples = squares(positions);
  examples.conditions = torch::zeros({64, 1, 16, 16}, torch::kUInt8);
  const torch::Tensor other = torch::full_like(examples.conditions, 255);
  EXPECT_EQ(unaware(*random_objective(spec), examples, other), 0);
  spec.condition_dropout = 0.5;
  const auto objective = random_objective(spec);
  EXPECT_GT(unaware(*objective, examples, other), 16);
  EXPECT_LT(unaware(*objective, examples, other), 48);
}

/// What guidance 2 makes of one step is as far beyond the wish as that is from `without`, but for rounding.
void expect_guided_away(Objective& objective, const Wish& wish, const Wish& without) {
  const auto picture = [&](Wish asked, double guidance) {
    asked.steps = 1;
    asked.guidance = guidance;
    return objective.generate(asked).to(torch::kInt32);
  };
  const torch::Tensor plain = picture(wish, 1), from = picture(without, 1), expected = 2 * plain - from;
  torch::Tensor exact = torch::ones_like(plain, torch::kBool);  // where nothing is cut off at black or white
  for (const torch::Tensor& values : {plain, from, expected}) exact &= values.gt(0) & values.lt(255);
  ASSERT_GT(exact.sum().item<int64_t>(), 30);
  EXPECT_LE(largest((picture(wish, 2) - expected).masked_select(exact)), 4);
  EXPECT_GT(largest((expected - plain).masked_select(exact)), 12);
}

TEST_P(DiffusionObjective, GuidanceLeadsAwayFromAllThatTheModelWasTrainedWithout) {
  ModelSpec spec = tiny();
  spec.condition = "outline";
  Wish wish = wish_for({11});
  wish.conditions = torch::zeros({1, 1, 16, 16}, torch::kUInt8);
  wish.conditions.slice(2, 4, 9).fill_(255);
  const torch::Tensor grey = torch::full_like(wish.conditions, 127), none = torch::full_like(wish.labels, -1);
  for (const bool labels : {false, true}) {
    for (const bool conditions : {false, true}) {
      if (!labels && !conditions) continue;
      spec.label_dropout = labels ? 0.1 : 0;
      spec.condition_dropout = conditions ? 0.1 : 0;
      Wish without = wish;
      if (labels) without.labels = none;
      if (conditions) without.conditions = grey;
      SCOPED_TRACE(testing::Message() << "labels " << labels << ", conditions " << conditions);
      expect_guided_away(*random_objective(spec), wish, without);
    }
  }
}

TEST_P(DiffusionObjective, MinSnrWeighsTheLossOfTrainingAlone) {
  ModelSpec spec = tiny();
  const auto plain = random_objective(spec);
  spec.min_snr_gamma = 5;
  const auto weighed = random_objective(spec);
  const torch::NoGradGuard no_grad;
  const Examples examples = squares({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_TRUE(torch::equal(weighed->held_out_loss(examples, 3), plain->held_out_loss(examples, 3)));

  const Formulation& formulation = formulation_of(GetParam());
  const torch::Tensor level = draw_levels(formulation, 7, examples.positions, torch::kCPU);
  const torch::Tensor factor = min_snr_weight(formulation, level, 5) / formulation.weight(level);
  EXPECT_LE(factor.max().item<double>(), 1);
  EXPECT_LT(factor.min().item<double>(), 0.5);
  EXPECT_TRUE(torch::allclose(weighed->loss(0, examples, 7), factor * plain->loss(0, examples, 7), 1e-5, 1e-6));
}

constexpr double kMean = 0.3, kDeviation = 0.25;  // of the pixels below, on [-1, 1]

/// Pictures of 8 pixels whose values are normal and know nothing of each other.
Examples gaussians(uint64_t first, int64_t count) {
  Examples examples;
  for (int64_t n = 0; n < count; ++n) examples.positions.push_back(first + static_cast<uint64_t>(n));
  const torch::Tensor normal = keyed_normal(99, examples.positions, Purpose::kGrain, {3, 8, 8}, torch::kCPU);
  examples.images = to_pixels(kMean + kDeviation * normal);
  examples.labels = torch::full({count}, -1, torch::kInt64);
  return examples;
}

TEST_P(DiffusionObjective, LearnsToDrawPixelsOfAGaussianWithItsMeanAndDeviation) {
  ModelSpec spec{.objective = GetParam(), .image_size = 8, .labels = {}, .channels = 16, .levels = 1, .blocks = 1};
  spec.attention_size = 0;
  spec.dropout = 0;
  const auto objective = make_diffusion(spec, 1);
  torch::optim::Adam adam(objective->players()[0].module->parameters(), torch::optim::AdamOptions(3e-3));
  const double before = objective->held_out_loss(gaussians(1'000'000, 16), 3).mean().item<double>();
  for (uint64_t step = 0; step < 300; ++step) {
    if (step == 200) adam.param_groups()[0].options().set_lr(5e-4);
    adam.zero_grad();
    objective->loss(0, gaussians(16 * step, 16), 7).mean().backward();
    adam.step();
  }
  EXPECT_LT(objective->held_out_loss(gaussians(1'000'000, 16), 3).mean().item<double>(), 0.7 * before);

  Wish wish = wish_for({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  wish.labels.fill_(-1);
  wish.steps = 18;
  const torch::Tensor drawn = from_pixels(objective->generate(wish)).to(torch::kFloat64);
  EXPECT_NEAR(drawn.mean().item<double>(), kMean, 0.03);
  EXPECT_NEAR(drawn.std().item<double>(), kDeviation, 0.03);
}

TEST_P(DiffusionObjective, RefusesAWishThatCannotBeGranted) {
  const auto objective = make_diffusion(tiny(), 1);
  const auto refuses = [&](auto change) {
    Wish wish = wish_for({1, 2});
    change(wish);
    EXPECT_THROW(objective->generate(wish), std::invalid_argument);
  };
  refuses([](Wish& wish) { wish.steps = 0; });
  refuses([](Wish& wish) { wish.strength = 1.5; });
  refuses([](Wish& wish) { wish.labels[0] = 3; });
  refuses([](Wish& wish) { wish.seeds = {1}; });
  refuses([](Wish& wish) { wish.start = torch::zeros({2, 3, 8, 8}, torch::kUInt8); });
  refuses([](Wish& wish) { wish.conditions = torch::zeros({2, 1, 16, 16}, torch::kUInt8); });
}

}  // namespace
}  // namespace atelier
