#include "train/distances.h"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace atelier {
namespace {

/// As scripts/reference/distances.py makes them: sin(a i^2 + b j + c i j) times a scale.
torch::Tensor features(const nlohmann::json& side) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  const torch::Tensor i = torch::arange(side[0].get<int64_t>(), options).unsqueeze(1);
  const torch::Tensor j = torch::arange(side[1].get<int64_t>(), options).unsqueeze(0);
  const auto number = [&](size_t index) { return side[index].get<double>(); };
  return number(5) * torch::sin(number(2) * i.square() + number(3) * j + number(4) * i * j);
}

TEST(Distances, AreThoseOfNumpyAndScipy) {
  std::ifstream file(ATELIER_SOURCE_DIR "/tests/train/reference/distances.json");
  for (const auto& reference : nlohmann::json::parse(file)) {
    SCOPED_TRACE(reference.dump());
    const torch::Tensor real = features(reference["real"]), generated = features(reference["generated"]);
    EXPECT_NEAR(frechet_distance(real, generated), reference["frechet"], 1e-6);  // what the root of 0 leaves
    EXPECT_NEAR(kernel_distance(real, generated), reference["kernel"], 1e-10);
    const PrecisionRecall shares = precision_and_recall(real, generated);
    EXPECT_DOUBLE_EQ(shares.precision, reference["precision"]);
    EXPECT_DOUBLE_EQ(shares.recall, reference["recall"]);
  }
}

TEST(Distances, OfNormalDistributionsAreTheirClosedForm) {
  torch::manual_seed(1);
  const auto options = torch::TensorOptions().dtype(torch::kFloat64);
  const torch::Tensor x = torch::randn({20'000, 3}, options), y = torch::randn({20'000, 3}, options) * 2 + 1;
  EXPECT_NEAR(frechet_distance(x, y), 3 + 3, 0.15);  // |1|^2 and (2 - 1)^2, of three features each
}

TEST(Distances, TellNoDifferenceWhereThereIsNone) {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({2'000, 8}), y = torch::randn({2'000, 8});
  EXPECT_NEAR(kernel_distance(x, y), 0, 0.01);
  EXPECT_GT(kernel_distance(x, y + 1), 1);
  EXPECT_GT(precision_and_recall(x, y).precision, 0.8);
  const PrecisionRecall narrow = precision_and_recall(x, y / 10);
  EXPECT_GT(narrow.precision, 0.95) << "all of them look real";
  EXPECT_LT(narrow.recall, 0.2) << "and they cover little";
}

TEST(Distances, NeedNoMorePicturesThanTwo) {
  const torch::Tensor x = torch::tensor({{0.0, 0.0}, {2.0, 0.0}}), y = torch::tensor({{0.5, 0.0}, {9.0, 0.0}});
  EXPECT_TRUE(std::isfinite(frechet_distance(x, y)));
  const PrecisionRecall shares = precision_and_recall(x, y);
  EXPECT_DOUBLE_EQ(shares.precision, 0.5);
  EXPECT_DOUBLE_EQ(shares.recall, 1.0);
}

}  // namespace
}  // namespace atelier
