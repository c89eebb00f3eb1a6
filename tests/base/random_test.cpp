#include "base/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

#include "base/files.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;

// Random123's known-answer file (kat_vectors), Philox4x32 with 10 rounds.
TEST(Random, PhiloxGivesThePublishedAnswers) {
  EXPECT_THAT(philox({0, 0, 0, 0}, {0, 0}), ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_THAT(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

// From an independent Philox in Python. A change here breaks every run on disk: raise kStreamVersion.
TEST(Random, BitsAreThoseOfStreamVersionOne) {
  ASSERT_EQ(kStreamVersion, 1);
  EXPECT_EQ(random_bits(7, 0, Purpose::kOrder, 0), 0x249ef5f42ec4f55d);
  EXPECT_EQ(random_bits(7, 0, Purpose::kOrder, 1), 0x807a6601f681ec7f);
  EXPECT_EQ(random_bits(kMaxSeed, (uint64_t{1} << 40) + 3, Purpose::kNoise, 12345), 0x12bd288385806d45);
}

// Double-precision Box-Muller on the same bits, in Python with libm.
TEST(Random, NormalNumbersAgreeWithDoublePrecision) {
  const std::vector<double> expected = {-0.7919136776964061, -1.3190303726938248, 0.8763989932773121,
                                        1.4807228130669037,  0.47664800122855316, 0.4655486523918638,
                                        -0.8097100260588662, 0.050161435932573994};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(random_normal(7, 3, Purpose::kNoise, i), expected[i], 5e-7) << i;
  std::vector<float> sequence(1001);
  fill_normal(sequence, 7, 3, Purpose::kNoise, 9);
  EXPECT_NEAR(sequence[1000], 0.3732308407951402, 5e-7);
}

// The hash pins every bit: the same on any machine, any compiler flags of ours, any vector width.
TEST(Random, NormalBitsAreGolden) {
  std::vector<float> sequence(100'000);
  fill_normal(sequence, 1, 2, Purpose::kNoise);
  EXPECT_EQ(sha256_hex(std::as_bytes(std::span(sequence))),
            "a2179972ad098d1c51bf55641be2503be7d0602487c8be3f20f06cb72106fcfa");
}

TEST(Random, AnElementIsTheSameAloneAndInASequence) {
  std::vector<float> sequence(1'003);
  fill_normal(sequence, 5, 11, Purpose::kNoise);
  for (size_t i = 0; i < sequence.size(); ++i)
    ASSERT_EQ(static_cast<float>(random_normal(5, 11, Purpose::kNoise, i)), sequence[i]) << i;
  std::vector<float> shorter(77);
  fill_normal(shorter, 5, 11, Purpose::kNoise);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), sequence.begin()));
}

TEST(Random, MomentsAreThoseOfTheDistributions) {
  constexpr size_t kCount = 1'000'000;
  std::vector<float> numbers(kCount);
  const auto moment = [&](double power) {
    double sum = 0;
    for (const float x : numbers) sum += std::pow(x, power);
    return sum / kCount;
  };
  fill_normal(numbers, 3, 0, Purpose::kNoise);
  EXPECT_NEAR(moment(1), 0, 0.005);
  EXPECT_NEAR(moment(2), 1, 0.01);
  EXPECT_NEAR(moment(3), 0, 0.02);
  EXPECT_NEAR(moment(4), 3, 0.05);
  EXPECT_GT(*std::max_element(numbers.begin(), numbers.end()), 4.2F);
  fill_uniform(numbers, 3, 0, Purpose::kDropout);
  EXPECT_NEAR(moment(1), 1.0 / 2, 0.002);
  EXPECT_NEAR(moment(2), 1.0 / 3, 0.002);
  EXPECT_GE(*std::min_element(numbers.begin(), numbers.end()), 0.0F);
  EXPECT_LT(*std::max_element(numbers.begin(), numbers.end()), 1.0F);
}

TEST(Random, SeedsPositionsPurposesAndStreamsAreUnrelated) {
  std::vector<std::vector<float>> sequences(5, std::vector<float>(10'000));
  fill_normal(sequences[0], 1, 1, Purpose::kNoise);
  fill_normal(sequences[1], 2, 1, Purpose::kNoise);
  fill_normal(sequences[2], 1, 2, Purpose::kNoise);
  fill_normal(sequences[3], 1, 1, Purpose::kDropout);
  fill_normal(sequences[4], 1, 1, Purpose::kNoise, 1);
  for (size_t a = 0; a < sequences.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      double product = 0;
      for (size_t i = 0; i < sequences[a].size(); ++i) product += double{sequences[a][i]} * double{sequences[b][i]};
      EXPECT_LT(std::abs(product / 10'000), 0.05) << a << " and " << b;
    }
  }
}

TEST(Random, BelowStaysBelowAndReachesEverything) {
  std::vector<int> seen(10);
  for (uint64_t i = 0; i < 1'000; ++i) ++seen.at(random_below(10, 1, i, Purpose::kSubstitute));
  EXPECT_GT(*std::min_element(seen.begin(), seen.end()), 60);
  EXPECT_LT(random_below(~uint64_t{0}, 1, 0, Purpose::kSubstitute), ~uint64_t{0});
}

}  // namespace
}  // namespace atelier
