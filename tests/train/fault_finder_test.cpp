#include "train/fault_finder.h"

#include <gtest/gtest.h>
#include <limits>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "models/layers.h"
#include "tests/train/fixtures.h"
#include "train/optimizer.h"

namespace atelier {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// One pass there and back of `player`'s loss, watched. `scale` is that of the loss.
std::optional<FaultPlace> find(Objective& objective, size_t player, torch::ScalarType dtype, double scale = 1) {
  const Examples examples = pictures_at(0, 2);
  FaultFinder finder(objective.players());
  torch::Tensor loss;
  {
    const Autocast autocast(torch::kCPU, dtype);
    loss = objective.loss(player, examples, 7).to(torch::kFloat32).sum();
  }
  finder.turn_back();
  (loss * scale).backward();
  return finder.place();
}

/// Multiplies a weight of the network, which is named as on disk.
void multiply(Objective& objective, const std::string& name, double factor) {
  const torch::NoGradGuard no_grad;
  for (const Player& player : objective.players())
    for (auto& item : player.module->named_parameters())
      if (player.name + "." + item.key() == name) {
        item.value().mul_(factor);
        return;
      }
  FAIL() << "there is no " << name;
}

void expect_place(const std::optional<FaultPlace>& place, const std::string& text) {
  ASSERT_TRUE(place);
  EXPECT_EQ(place->text(), text);
}

TEST(FaultFinder, FindsNothingWhereAllIsFinite) {
  for (const char* kind : {"diffusion", "pix2pix"}) {
    const auto objective = rough_network(kind);
    for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat16})
      for (size_t player = 0; player < objective->players().size(); ++player) {
        const auto place = find(*objective, player, dtype);
        EXPECT_FALSE(place) << kind << " in " << precision_name(dtype) << ": " << place->text();
      }
  }
}

TEST(FaultFinder, NamesTheConvolutionWhoseResultOverflows) {
  for (const std::string name : {"denoiser.encoder.1.0.conv1", "denoiser.middle.0.attention.qkv", "denoiser.output"}) {
    const auto objective = rough_network("diffusion");
    multiply(*objective, name + ".weight", 3e5);
    const auto place = find(*objective, 0, torch::kFloat16);
    ASSERT_TRUE(place) << name;
    EXPECT_EQ(place->module, name);
    EXPECT_EQ(place->pass, FaultPlace::Pass::kForward);
  }
}

/// A convolution wide enough for Winograd's algorithm, and a normalisation after it.
struct WideNetwork : torch::nn::Module {
  Convolution first{register_module("first", convolution(32, 32, 3))};
  torch::nn::GroupNorm norm{register_module("norm", group_norm(32))};
  Convolution second{register_module("second", convolution(32, 32, 3))};

  torch::Tensor forward(const torch::Tensor& x) { return second(normalised(norm, first(x), Activation::kSilu)); }
};

TEST(FaultFinder, NamesTheModulesOfOwnOperators) {
  struct Planted {
    const char *weight, *place;
    double gradient;
  };
  for (const auto& [weight, text, gradient] :
       {Planted{"first.weight", "in net.first (atelier::winograd_convolution), forward", 1},
        Planted{"norm.weight", "in net.norm (atelier::normalise), forward", 1},
        Planted{"second.weight", "in net.second (atelier::winograd_convolution), forward", 1},
        Planted{"none", "in net.second (atelier::winograd_convolution_backward), backward", 1e38}}) {
    const auto network = std::make_shared<WideNetwork>();
    const torch::Tensor x = torch::randn({1, 32, 64, 64}).mul_(10);
    {
      const torch::NoGradGuard no_grad;
      for (auto& item : network->named_parameters())
        if (item.key() == weight) item.value().fill_(3e38);
    }
    FaultFinder finder({Player{.name = "net", .module = network, .adam = {}}});
    const torch::Tensor y = network->forward(x);
    finder.turn_back();
    y.backward(torch::full_like(y, gradient));
    expect_place(finder.place(), text);
  }
}

TEST(FaultFinder, NamesEitherPlayersModules) {
  const auto objective = rough_network("pix2pix");
  multiply(*objective, "generator.decoder.0.conv.weight", 1e38);
  multiply(*objective, "generator.decoder.0.conv.weight", 1e38);
  const auto infinite = find(*objective, 1, torch::kFloat32);
  expect_place(infinite, "generator.decoder.0.conv.weight itself is not finite");

  const auto other = rough_network("pix2pix");
  multiply(*other, "discriminator.conv.1.weight", 1e6);
  const auto place = find(*other, 1, torch::kFloat16);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->module, "discriminator.conv.1");
}

TEST(FaultFinder, NamesTheModuleOfTheBackwardPass) {
  for (const std::string block : {"denoiser.encoder.0.0", "denoiser.middle.1", "denoiser.decoder.0.0"}) {
    const auto objective = rough_network("diffusion");
    multiply(*objective, block + ".norm1.weight", 1e-33);  // the two cancel out on the way there ...
    multiply(*objective, block + ".norm1.bias", 1e-33);
    multiply(*objective, block + ".conv1.weight", 1e33);
    const auto place = find(*objective, 0, torch::kFloat32, 1e12);  // ... but on the way back one comes first
    ASSERT_TRUE(place) << block;
    EXPECT_EQ(place->module, block + ".conv1");
    EXPECT_EQ(place->pass, FaultPlace::Pass::kBackward) << place->text();
  }
}

TEST(FaultFinder, NamesTheModuleBeforeAnOperatorWithoutWeights) {
  const auto network = std::make_shared<torch::nn::SequentialImpl>(torch::nn::Linear(3, 3), torch::nn::Linear(3, 3),
                                                                   torch::nn::Linear(3, 3));
  const std::vector<Player> players = {{.name = "line", .module = network, .adam = {}}};
  const auto there_and_back = [&](const auto& between) {
    FaultFinder finder(players);
    auto x = torch::ones({2, 3});
    x = between(network->at<torch::nn::LinearImpl>(1).forward(network->at<torch::nn::LinearImpl>(0).forward(x)));
    const auto loss = network->at<torch::nn::LinearImpl>(2).forward(x).square().sum() * 1e15;
    finder.turn_back();
    loss.backward();
    return finder.place();
  };
  expect_place(there_and_back([](const auto& x) { return x * 1e30 * 1e30; }), "after line.1 (aten::mul), forward");
  expect_place(there_and_back([](const auto& x) { return x * 1e-30 * 1e15 * 1e15; }),
               "after line.1 (aten::mul), backward");
  EXPECT_FALSE(there_and_back([](const auto& x) { return x; }));
}

TEST(FaultFinder, NamesAWeightThatIsNotFinite) {
  const auto objective = rough_network("diffusion");
  multiply(*objective, "denoiser.noise2.bias", kNaN);
  expect_place(find(*objective, 0, torch::kFloat32), "denoiser.noise2.bias itself is not finite");
}

TEST(FaultFinder, NamesWhatCameBeforeTheNetwork) {
  Planted objective(rough_network("diffusion"));
  objective.not_a_number = {1};
  expect_place(find(objective, 0, torch::kFloat32), "before any module (aten::fill_), forward");
}

TEST(FaultFinder, WatchesNoMoreOnceItIsGone) {
  const auto objective = rough_network("diffusion");
  { const FaultFinder finder(objective->players()); }
  EXPECT_FALSE(at::hasCallbacks());
  EXPECT_FALSE(find(*objective, 0, torch::kFloat32)) << "another may follow";
}

}  // namespace
}  // namespace atelier
