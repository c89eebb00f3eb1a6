#pragma once

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <torch/types.h>
#include <vector>

/// Values of tests/models/data that independent code has made, and how results are compared with them.
namespace atelier {

class Reference {
 public:
  explicit Reference(const std::string& file)
      : json_(nlohmann::json::parse(std::ifstream(ATELIER_SOURCE_DIR "/tests/models/data/" + file))) {}

  std::vector<double> numbers(const char* name) const { return json_.at(name).get<std::vector<double>>(); }
  torch::Tensor column(const char* name) const { return torch::tensor(numbers(name), torch::kFloat64); }

 private:
  nlohmann::json json_;
};

/// Within `tolerance` of each expected value, relatively.
inline void expect_near(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LT(((actual.to(torch::kFloat64) - expected) / expected).abs().max().item<double>(), tolerance)
      << actual << expected;
}

}  // namespace atelier
