#include "models/diffusion_objective.h"

#include <ATen/autocast_mode.h>
#include <algorithm>
#include <gtest/gtest.h>

#include "models/keyed.h"

namespace atelier {
namespace {

ModelSpec tiny() {
  return {.image_size = 16,
          .labels = {"chair", "table", "sofa"},
          .channels = 16,
          .levels = 2,
          .blocks = 1,
          .attention_size = 8,
          .dropout = 0.1,
          .label_dropout = 0.3};
}

/// Weights of every tensor away from 0, so that everything shows in the outputs.
std::unique_ptr<Objective> random_objective(const ModelSpec& spec = tiny()) {
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

TEST(DiffusionObjective, TheLossOfASampleFollowsFromSeedAndPositionWhateverTheBatch) {
  const auto objective = random_objective();
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

TEST(DiffusionObjective, AnUntrainedModelHasALossNearOneAndNoLabelChangesIt) {
  const auto objective = make_diffusion(tiny(), 1);
  const torch::NoGradGuard no_grad;
  Examples examples = squares({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const torch::Tensor loss = objective->loss(0, examples, 7);
  examples.labels.fill_(-1);
  EXPECT_TRUE(torch::equal(objective->loss(0, examples, 7), loss));
  EXPECT_GT(loss.min().item<double>(), 0.3);
  EXPECT_LT(loss.max().item<double>(), 4);
}

TEST(DiffusionObjective, LabelsAreDroppedByPosition) {
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

TEST(DiffusionObjective, LearnsAFewPicturesAndAllOfItLearns) {
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

TEST(DiffusionObjective, TheHeldOutLossHasNoLuckInItButTheNoise) {
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
  EXPECT_EQ(objective->held_out_name(), "EDM loss");
}

TEST(DiffusionObjective, SixteenBitNetworksKeepTheLossInFloat32) {
  const auto objective = random_objective();
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

TEST(DiffusionObjective, APictureFollowsFromItsOwnSeedWhateverItIsGeneratedWith) {
  const auto objective = random_objective();
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

TEST(DiffusionObjective, LabelAndGuidanceChangeThePicture) {
  const auto objective = random_objective();
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

TEST(DiffusionObjective, StrengthSaysHowFarToLeaveADesign) {
  const auto objective = make_diffusion(tiny(), 1);  // its denoiser is c_skip noisy: it knows nothing, but is sane
  Wish wish = wish_for({11});
  const torch::Tensor scratch = objective->generate(wish);
  wish.start = squares({4}).images;
  const auto distance = [&](double strength) {
    wish.strength = strength;
    return largest(objective->generate(wish).to(torch::kFloat32) - wish.start.to(torch::kFloat32));
  };
  EXPECT_EQ(distance(0), 0);
  EXPECT_LT(distance(0.05), 20);
  EXPECT_LT(distance(0.05), distance(0.6));
  wish.strength = 1;
  EXPECT_TRUE(torch::equal(objective->generate(wish), scratch));
}

TEST(DiffusionObjective, AConditionedModelDrawsWhatTheConditionSays) {
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

TEST(DiffusionObjective, RefusesAWishThatCannotBeGranted) {
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
