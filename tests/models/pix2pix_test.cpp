#include "models/pix2pix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <torch/optim/adam.h>

#include "models/objective.h"
#include "models/pix2pix_objective.h"
#include "models/weights.h"

namespace atelier {
namespace {

using testing::HasSubstr;

ModelSpec tiny() {
  return {.kind = "pix2pix",
          .image_size = 16,
          .condition = "outline",
          .labels = {"chair", "table"},
          .channels = 8,
          .levels = 4,
          .dropout = 0.5};
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

/// Squares of four colours on white, each with its outline.
Examples four_examples() {
  Examples examples{torch::full({4, 3, 16, 16}, 255, torch::kUInt8),
                    torch::zeros({4, 1, 16, 16}, torch::kUInt8),
                    torch::tensor({0, 1, -1, 0}),
                    {100, 101, 102, 103}};
  const auto colors =
      torch::tensor({200, 30, 30, 30, 160, 40, 40, 40, 200, 140, 90, 40}).to(torch::kUInt8).view({4, 3, 1, 1});
  examples.images.slice(2, 4, 12).slice(3, 3, 11).copy_(colors);
  examples.conditions.slice(2, 4, 12).slice(3, 3, 11).fill_(255);
  examples.conditions.slice(2, 5, 11).slice(3, 4, 10).fill_(0);
  return examples;
}

Examples rows(const Examples& examples, const std::vector<int64_t>& wanted) {
  const auto index = torch::tensor(wanted);
  Examples picked{examples.images.index_select(0, index),
                  examples.conditions.index_select(0, index),
                  examples.labels.index_select(0, index),
                  {}};
  for (const int64_t n : wanted) picked.positions.push_back(examples.positions[static_cast<size_t>(n)]);
  return picked;
}

Wish wish_for(const Examples& examples, std::vector<uint64_t> seeds) {
  Wish wish;
  wish.labels = examples.labels;
  wish.conditions = examples.conditions;
  wish.seeds = std::move(seeds);
  return wish;
}

TEST(Pix2Pix, AnswersAsPlainPyTorchDoesWithTheSameWeights) {
  // Made by scripts/reference/pix2pix_reference.py with the networks of scripts/load_pix2pix.py.
  TensorFile file = load_tensors(ATELIER_SOURCE_DIR "/tests/models/data/pix2pix.safetensors");
  const auto objective = make_pix2pix(nlohmann::json::parse(file.metadata.at("atelier.spec")).get<ModelSpec>(), 1);
  for (const Player& player : objective->players()) {
    auto tensors = file.tensors;
    tensors.merge(named_tensors(*player.module, player.name));  // the palette, which the reference has none of
    load_into(*player.module, player.name, tensors);
  }
  const auto& stored = file.tensors;
  const Examples examples{stored.at("in.images").to(torch::kUInt8),
                          stored.at("in.sketches").to(torch::kUInt8),
                          stored.at("in.labels"),
                          {0, 1}};
  const Inputs inputs{.conditions = stored.at("in.sketches") / 127.5 - 1,
                      .labels = stored.at("in.labels"),
                      .colors = stored.at("in.colors") / 127.5 - 1};
  const torch::Tensor real = stored.at("in.images") / 127.5 - 1;

  const auto players = objective->players();
  auto& discriminator = dynamic_cast<DiscriminatorImpl&>(*players[0].module);
  auto& generator = dynamic_cast<GeneratorImpl&>(*players[1].module);
  EXPECT_TRUE(torch::equal(foreground_colors(examples.images).to(torch::kFloat32), stored.at("in.colors")));
  EXPECT_GT(stored.at("out.fake").std().item<double>(), 0.1);
  EXPECT_LT(largest(generator.forward(inputs) - stored.at("out.fake")), 1e-4);
  EXPECT_LT(largest(discriminator.forward(inputs, real) - stored.at("out.logits_real")), 1e-4);
  EXPECT_LT(largest(discriminator.forward(inputs, stored.at("out.fake")) - stored.at("out.logits_fake")), 1e-4);
  EXPECT_LT(largest(objective->loss(0, examples, 1) - stored.at("out.discriminator_loss")), 1e-4);
  EXPECT_LT(largest(objective->loss(1, examples, 1) / stored.at("out.generator_loss") - 1), 1e-5);
  EXPECT_LT(largest(objective->held_out_loss(examples, 1) - stored.at("out.held_out")), 1e-5);
}

TEST(Pix2Pix, NamesItsTensorsAsThePythonModulesDo) {
  const Generator generator(tiny());
  for (const char* name : {"steering.label.weight", "encoder.0.conv.weight", "encoder.1.norm.modulation.weight",
                           "decoder.3.conv.bias", "decoder.0.norm.modulation.bias", "output.weight"}) {
    EXPECT_TRUE(generator->named_parameters().contains(name)) << name;
  }
  EXPECT_FALSE(generator->named_parameters().contains("encoder.3.norm.modulation.weight"));  // it ends at 1x1
  EXPECT_TRUE(generator->named_buffers().contains("palette.colors"));
  const Discriminator discriminator(tiny());
  for (const char* name : {"steering.label.weight", "conv.2.weight", "norm.0.weight"}) {
    EXPECT_TRUE(discriminator->named_parameters().contains(name)) << name;
  }
}

TEST(Pix2Pix, JudgesLessOfSmallerSides) {
  // Three, two and one strided convolutions: 70x70, 34x34 and 16x16 pixels a patch.
  for (const auto& [side, convolutions] : std::vector<std::pair<int, size_t>>{{64, 5}, {32, 4}, {16, 3}}) {
    ModelSpec spec = tiny();
    spec.image_size = side;
    Discriminator discriminator(spec);
    EXPECT_EQ(discriminator->conv.size(), convolutions);
    const Inputs inputs{torch::zeros({1, 1, side, side}), torch::tensor({0}), torch::zeros({1, 3})};
    EXPECT_EQ(discriminator->forward(inputs, torch::zeros({1, 3, side, side})).sizes(),
              (std::vector<int64_t>{1, 1, 6, 6}));
  }
}

TEST(Pix2Pix, DoesNotLookAcrossTheBatch) {
  const auto objective = make_pix2pix(tiny(), 1);
  const Examples all = four_examples();
  const std::vector<int64_t> order{2, 0, 3, 1};
  for (const size_t player : {size_t{0}, size_t{1}}) {
    const auto whole = objective->loss(player, all, 7);
    const auto permuted = objective->loss(player, rows(all, order), 7);
    EXPECT_LT(largest(permuted / whole.index_select(0, torch::tensor(order)) - 1), 1e-5);
    const auto halves =
        torch::cat({objective->loss(player, rows(all, {0, 1}), 7), objective->loss(player, rows(all, {2, 3}), 7)});
    EXPECT_LT(largest(halves / whole - 1), 1e-5);
  }
}

TEST(Pix2Pix, DropsByPositionInTrainingAndNotAtAllOnHeldOutExamples) {
  const Examples all = four_examples();
  ModelSpec without = tiny();
  without.dropout = 0;
  const auto dropping = make_pix2pix(tiny(), 1), plain = make_pix2pix(without, 1);
  EXPECT_GT(largest(dropping->loss(1, all, 7) - plain->loss(1, all, 7)), 1e-6);
  EXPECT_GT(largest(dropping->loss(1, all, 7) - dropping->loss(1, all, 8)), 1e-6);
  Examples moved = all;
  moved.positions = {200, 201, 202, 203};
  EXPECT_GT(largest(dropping->loss(1, all, 7) - dropping->loss(1, moved, 7)), 1e-6);
  EXPECT_TRUE(torch::equal(dropping->loss(1, all, 7), dropping->loss(1, all, 7)));
  EXPECT_TRUE(torch::equal(dropping->held_out_loss(all, 7), plain->held_out_loss(all, 8)));
}

bool has_gradient(const Player& player) {
  for (const auto& parameter : player.module->parameters()) {
    if (parameter.grad().defined() && largest(parameter.grad()) > 0) return true;
  }
  return false;
}

TEST(Pix2Pix, SendsGradientsToTheirOwnPlayerOnly) {
  const auto objective = make_pix2pix(tiny(), 1);
  const auto players = objective->players();
  const Examples examples = four_examples();
  for (const size_t player : {size_t{0}, size_t{1}}) {
    objective->loss(player, examples, 7).sum().backward();
    EXPECT_TRUE(has_gradient(players[player]));
    EXPECT_FALSE(has_gradient(players[1 - player]));
    players[player].module->zero_grad();
    for (const auto& parameter : players[0].module->parameters()) EXPECT_TRUE(parameter.requires_grad());
  }
}

TEST(Pix2Pix, ReusesTheAttemptOfTheFirstTurnForTheSameExamplesOnly) {
  const auto reused = make_pix2pix(tiny(), 1), fresh = make_pix2pix(tiny(), 1);
  const Examples first = rows(four_examples(), {0, 1}), second = rows(four_examples(), {2, 3});
  reused->loss(0, first, 7);
  EXPECT_TRUE(torch::equal(reused->loss(1, first, 7), fresh->loss(1, first, 7)));
  reused->loss(0, first, 7);
  EXPECT_TRUE(torch::equal(reused->loss(1, second, 7), fresh->loss(1, second, 7)));
}

TEST(Pix2Pix, StartsFromTheSeedWithTheDeviationOfThePaper) {
  const auto weight = [](uint64_t seed, size_t player, const char* name) {
    return make_pix2pix(tiny(), seed)->players()[player].module->named_parameters()[name].clone();
  };
  const auto first = weight(1, 1, "decoder.0.conv.weight");
  EXPECT_NEAR(first.std().item<double>(), 0.02, 0.001);
  EXPECT_TRUE(torch::equal(first, weight(1, 1, "decoder.0.conv.weight")));
  EXPECT_FALSE(torch::equal(first, weight(2, 1, "decoder.0.conv.weight")));
  EXPECT_FALSE(torch::equal(weight(1, 0, "steering.label.weight"), weight(1, 1, "steering.label.weight")));
}

TEST(Pix2Pix, PlaysTheDiscriminatorFirstAndAveragesTheGenerator) {
  const auto players = make_pix2pix(tiny(), 1)->players();
  ASSERT_EQ(players.size(), 2u);
  EXPECT_EQ(players[0].name, "discriminator");
  EXPECT_FALSE(players[0].averaged);
  EXPECT_EQ(players[1].name, "generator");
  EXPECT_TRUE(players[1].averaged);
  EXPECT_EQ(players[1].adam.beta1, 0.5);
}

TEST(Pix2PixGenerate, MakesEachPictureFromItsOwnSeedAlone) {
  const auto objective = make_pix2pix(tiny(), 1);
  const Examples all = four_examples();
  objective->observe(all, 7);
  const auto together = objective->generate(wish_for(all, {5, 6, 7, 8}));
  ASSERT_EQ(together.sizes(), (std::vector<int64_t>{4, 3, 16, 16}));
  EXPECT_EQ(together.scalar_type(), torch::kUInt8);
  EXPECT_TRUE(torch::equal(objective->generate(wish_for(rows(all, {2}), {7})), together.slice(0, 2, 3)));
}

TEST(Pix2PixGenerate, TakesTheGivenColourOrOneOfThePalette) {
  const auto objective = make_pix2pix(tiny(), 1);
  const Examples brown = rows(four_examples(), {3});
  Wish wish = wish_for(brown, {5});
  const auto unseen = objective->generate(wish);
  wish.colors = foreground_colors(brown.images);
  const auto given = objective->generate(wish);
  EXPECT_FALSE(torch::equal(given, unseen));
  objective->observe(brown, 7);
  EXPECT_TRUE(torch::equal(objective->generate(wish_for(brown, {5})), given));
}

std::string refusal(Objective& objective, const Wish& wish) {
  try {
    objective.generate(wish);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Pix2PixGenerate, RefusesAWishThatDoesNotFit) {
  const auto objective = make_pix2pix(tiny(), 1);
  const Examples one = rows(four_examples(), {0});
  EXPECT_THAT(refusal(*objective, wish_for(one, {})), HasSubstr("a seed and a label"));
  EXPECT_THAT(refusal(*objective, wish_for(one, {1, 2})), HasSubstr("a seed and a label"));
  Wish wish = wish_for(one, {1});
  wish.conditions = torch::Tensor();
  EXPECT_THAT(refusal(*objective, wish), HasSubstr("condition of 1 channels and 16 x 16"));
  wish = wish_for(one, {1});
  wish.labels = torch::tensor({2});
  EXPECT_THAT(refusal(*objective, wish), HasSubstr("knows 2 labels"));
  wish = wish_for(one, {1});
  wish.colors = torch::zeros({1, 4}, torch::kUInt8);
  EXPECT_THAT(refusal(*objective, wish), HasSubstr("colour of three channels"));
}

std::string refusal_of(ModelSpec spec) {
  try {
    make_objective(spec, 1);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Pix2Pix, RefusesASpecThatCannotBeBuilt) {
  EXPECT_EQ(refusal_of(tiny()), "accepted");
  ModelSpec spec = tiny();
  spec.condition = "none";
  EXPECT_THAT(refusal_of(spec), HasSubstr("data.condition"));
  spec = tiny();
  spec.levels = 5;
  EXPECT_THAT(refusal_of(spec), HasSubstr("16 pixels cannot be halved model.levels = 5 times"));
  spec.image_size = 48;
  EXPECT_THAT(refusal_of(spec), HasSubstr("48 pixels"));
  spec.levels = 1;
  EXPECT_THAT(refusal_of(spec), HasSubstr("2 or more levels"));
  spec = tiny();
  spec.kind = "vae";
  EXPECT_THAT(refusal_of(spec), HasSubstr("\"vae\""));
}

TEST(Pix2Pix, LearnsAFewPairsByHeart) {
  ModelSpec spec = tiny();
  spec.levels = 3;
  spec.dropout = 0;
  const auto objective = make_pix2pix(spec, 1);
  const Examples examples = rows(four_examples(), {0, 1});
  std::vector<torch::optim::Adam> optimizers;
  for (const Player& player : objective->players()) {
    optimizers.emplace_back(player.module->parameters(),
                            torch::optim::AdamOptions(5e-3).betas({player.adam.beta1, player.adam.beta2}));
  }
  const double before = objective->held_out_loss(examples, 7).mean().item<double>();
  for (int step = 0; step < 120; ++step) {
    for (size_t player = 0; player < optimizers.size(); ++player) {
      optimizers[player].zero_grad();
      objective->loss(player, examples, 7).mean().backward();
      optimizers[player].step();
    }
  }
  EXPECT_GT(before, 0.2);
  EXPECT_LT(objective->held_out_loss(examples, 7).mean().item<double>(), 0.05);
}

}  // namespace
}  // namespace atelier
