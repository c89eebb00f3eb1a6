#include "train/average_profile.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

namespace atelier {
namespace {

nlohmann::json reference() {
  std::ifstream file(ATELIER_SOURCE_DIR "/tests/train/reference/average_profiles.json");
  return nlohmann::json::parse(file);
}

TEST(AverageProfile, HasTheExponentThatNumpyFinds) {
  for (const auto& [length, exponent] : reference()["exponents"].get<std::vector<std::pair<double, double>>>())
    EXPECT_NEAR(exponent_of_length(length) / exponent, 1, 1e-12) << length;
}

TEST(AverageProfile, HasItsLengthAtEitherEnd) {
  for (const double length : {1e-6, 1e-3, kLongestLength}) {
    const double g = exponent_of_length(length);
    EXPECT_NEAR(std::sqrt((g + 1) / ((g + 2) * (g + 2) * (g + 3))) / length, 1, 1e-9) << length;
    EXPECT_GE(g, 0);
  }
  for (const double length : {0.0, -1.0, 0.3, std::nan("")})
    EXPECT_THROW(exponent_of_length(length), std::invalid_argument) << length;
}

TEST(AverageProfile, IsBlendedAsNumpyDoes) {
  const nlohmann::json known = reference();
  for (const auto& wanted : known["blends"]) {
    std::vector<Profile> kept;
    for (const double position : wanted["positions"])
      for (const double length : {0.05, 0.1}) kept.push_back({position, exponent_of_length(length)});
    const Blend found = blend(kept, {kept.back().position, exponent_of_length(wanted["length"])});
    EXPECT_NEAR(found.error / wanted["error"].get<double>(), 1, 1e-6) << wanted["length"];
    ASSERT_EQ(found.coefficients.size(), wanted["coefficients"].size());
    for (size_t i = 0; i < found.coefficients.size(); ++i)
      EXPECT_NEAR(found.coefficients[i], wanted["coefficients"][i].get<double>(), 1e-8) << wanted["length"] << ' ' << i;
  }
}

TEST(AverageProfile, IsItselfAmongThoseKept) {
  const std::vector<Profile> kept{{300, 17}, {300, 7}, {600, 17}, {600, 7}};
  const Blend found = blend(kept, {600, 7});
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_NEAR(found.coefficients[i], i == 3 ? 1 : 0, 1e-9);
  EXPECT_LT(found.error, 1e-6);
}

TEST(AverageProfile, KeepsWhatNeverMoves) {
  std::vector<Profile> kept;
  for (int i = 1; i <= 5; ++i)
    for (const double exponent : {17.0, 7.0}) kept.push_back({i * 1e9, exponent});
  const auto coefficients = blend(kept, {5e9, exponent_of_length(0.2)}).coefficients;
  EXPECT_NEAR(std::accumulate(coefficients.begin(), coefficients.end(), 0.0), 1, 1e-12);
}

}  // namespace
}  // namespace atelier
