#include "models/unet.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "models/diffusion.h"
#include "models/weights.h"

namespace atelier {
namespace {

ModelSpec tiny() {
  return {.image_size = 16,
          .condition = "outline",
          .labels = {"chair", "table"},
          .channels = 8,
          .levels = 3,
          .blocks = 2,
          .attention_size = 8};
}

/// Weights of every tensor away from 0, also of those that training starts at 0.
UNet random_unet(const ModelSpec& spec) {
  UNet unet(spec);
  initialise_weights(*unet, 3);
  return unet;
}

struct Input {
  torch::Tensor x, noise, labels, conditions;
  std::vector<uint64_t> positions;

  Input rows(const std::vector<int64_t>& wanted) const {
    const torch::Tensor index = torch::tensor(wanted);
    Input picked{x.index_select(0, index),
                 noise.index_select(0, index),
                 labels.index_select(0, index),
                 conditions.index_select(0, index),
                 {}};
    for (const int64_t n : wanted) picked.positions.push_back(positions[static_cast<size_t>(n)]);
    return picked;
  }
};

Input four_samples() {
  const std::vector<uint64_t> positions{10, 11, 12, 13};
  return {keyed_normal(1, positions, Purpose::kNoise, {3, 16, 16}, torch::kCPU),
          torch::tensor({-1.0F, -0.2F, 0.3F, 1.1F}), torch::tensor({0, 1, -1, 0}, torch::kInt64),
          keyed_normal(2, positions, Purpose::kNoise, {1, 16, 16}, torch::kCPU).sign(), positions};
}

torch::Tensor run(UNet& unet, const Input& in, double dropout = 0) {
  const torch::NoGradGuard no_grad;
  return unet->forward(in.x, in.noise, in.labels, in.conditions, {dropout, 9, in.positions});
}

double largest(const torch::Tensor& x) { return x.abs().max().item<double>(); }

TEST(UNet, AnswersAsPlainPyTorchDoesWithTheSameWeights) {
  // Made by scripts/reference/unet_reference.py with the network of scripts/load_unet.py.
  TensorFile file = load_tensors(ATELIER_SOURCE_DIR "/tests/models/data/unet.safetensors");
  UNet unet(nlohmann::json::parse(file.metadata.at("atelier.spec")).get<ModelSpec>());
  load_into(*unet, "denoiser", file.tensors);
  const torch::NoGradGuard no_grad;
  const auto& in = file.tensors;
  const Network network = [&](const torch::Tensor& scaled, const torch::Tensor& c_noise) {
    return unet->forward(scaled, c_noise, in.at("in.labels"), in.at("in.conditions"));
  };
  const torch::Tensor sigma = in.at("in.sigma"), noisy = in.at("in.noisy");
  EXPECT_GT(in.at("out.network").std().item<double>(), 0.1);
  EXPECT_LT(largest(network(noisy, sigma.log() / 4) - in.at("out.network")), 1e-4);
  EXPECT_LT(largest(denoise(network, noisy, precondition(sigma)) - in.at("out.denoised")), 1e-4);
}

TEST(UNet, NamesItsTensorsAsThePythonModuleDoes) {
  const auto parameters = random_unet(tiny())->named_parameters();
  for (const char* name : {"input.weight", "noise1.bias", "label.weight", "encoder.0.1.norm1.weight",
                           "encoder.1.0.shortcut.weight", "encoder.1.0.attention.qkv.weight", "middle.1.conv2.bias",
                           "decoder.2.1.modulation.weight", "output_norm.bias", "output.weight"}) {
    EXPECT_TRUE(parameters.contains(name)) << name;
  }
  EXPECT_FALSE(parameters.contains("encoder.0.0.attention.qkv.weight"));  // 16 pixels are more than attention_size
  EXPECT_EQ(parameters["label.weight"].size(0), 3);
}

TEST(UNet, NoLayerLooksAcrossTheBatch) {
  UNet unet = random_unet(tiny());
  const Input all = four_samples();
  for (const double dropout : {0.0, 0.3}) {
    const torch::Tensor together = run(unet, all, dropout);
    const torch::Tensor permuted = run(unet, all.rows({2, 0, 3, 1}), dropout);
    EXPECT_LT(largest(permuted - together.index_select(0, torch::tensor({2, 0, 3, 1}))), 1e-5);
    const torch::Tensor split =
        torch::cat({run(unet, all.rows({0}), dropout), run(unet, all.rows({1, 2, 3}), dropout)});
    EXPECT_LT(largest(split - together), 1e-5);
  }
  EXPECT_GT(largest(run(unet, all, 0.3) - run(unet, all)), 1e-3);
}

TEST(UNet, ListensToEverythingItIsTold) {
  UNet unet = random_unet(tiny());
  const Input in = four_samples();
  const torch::Tensor answer = run(unet, in);
  Input other = in;
  other.labels = in.labels.roll(1);
  EXPECT_GT(largest(run(unet, other) - answer), 1e-3);
  other = in;
  other.noise = in.noise + 0.5;
  EXPECT_GT(largest(run(unet, other) - answer), 1e-3);
  other = in;
  other.conditions = -in.conditions;
  EXPECT_GT(largest(run(unet, other) - answer), 1e-3);
}

TEST(UNet, AnswersZeroUntilItIsTrained) {
  UNet unet(tiny());
  unet->initialise(4);
  EXPECT_EQ(largest(run(unet, four_samples())), 0);
  EXPECT_EQ(largest(unet->encoder[1][0]->conv2->weight), 0);
  EXPECT_EQ(largest(unet->middle[0]->attention->project->weight), 0);
  EXPECT_GT(largest(unet->encoder[1][0]->conv1->weight), 0.1);

  UNet again(tiny());
  again->initialise(4);
  for (const auto& parameter : unet->named_parameters()) {
    EXPECT_TRUE(torch::equal(parameter.value(), again->named_parameters()[parameter.key()])) << parameter.key();
  }
}

TEST(UNet, RefusesSidesThatCannotBeHalvedAndOddChannels) {
  ModelSpec spec = tiny();
  spec.image_size = 18;
  EXPECT_THROW(UNet{spec}, std::invalid_argument);
  spec = tiny();
  spec.channels = 6;
  EXPECT_THROW(UNet{spec}, std::invalid_argument);
  spec = tiny();
  spec.blocks = 0;
  EXPECT_THROW(UNet{spec}, std::invalid_argument);
}

TEST(UNet, FitsManyShapes) {
  for (const int levels : {1, 2, 4}) {
    ModelSpec spec{.image_size = 16, .labels = {}, .channels = 12, .levels = levels, .blocks = 1, .attention_size = 0};
    UNet unet = random_unet(spec);
    const torch::NoGradGuard no_grad;
    const auto answer = unet->forward(torch::ones({1, 3, 16, 16}), torch::zeros({1}), torch::tensor({int64_t{-1}}), {});
    EXPECT_EQ(answer.sizes(), (torch::IntArrayRef{1, 3, 16, 16})) << levels;
    const auto wide = unet->forward(torch::ones({1, 3, 8, 24}), torch::zeros({1}), torch::tensor({int64_t{-1}}), {});
    EXPECT_EQ(wide.sizes(), (torch::IntArrayRef{1, 3, 8, 24})) << levels;
  }
}

}  // namespace
}  // namespace atelier
