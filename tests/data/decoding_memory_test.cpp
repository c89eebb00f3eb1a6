#include "data/decoding_memory.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

namespace atelier::test {
namespace {

/// The sum of the `threads` largest, by sorting.
uint64_t largest(std::vector<uint64_t> needs, size_t threads) {
  std::ranges::sort(needs, std::greater<>());
  needs.resize(std::min(needs.size(), threads));
  return std::accumulate(needs.begin(), needs.end(), uint64_t{0});
}

TEST(DecodingMemory, IsThatOfTheLargestThatMayBeDecodedAtOnce) {
  std::mt19937 random(7);
  for (const int threads : {1, 2, 5}) {
    DecodingMemory memory(threads);
    std::vector<uint64_t> needs;
    for (int i = 0; i < 2000; ++i) {
      const auto next = random() % 50;
      auto with = needs;
      with.push_back(next);
      ASSERT_EQ(memory.bytes_with(next), largest(with, static_cast<size_t>(threads)));
      if (needs.size() < 12 && random() % 2 == 0) {
        memory.add(next);
        needs = with;
      } else if (!needs.empty()) {
        const auto place = needs.begin() + static_cast<std::ptrdiff_t>(random() % needs.size());
        memory.remove(*place);
        needs.erase(place);
      }
      ASSERT_EQ(memory.bytes(), largest(needs, static_cast<size_t>(threads)));
    }
  }
}

}  // namespace
}  // namespace atelier::test
