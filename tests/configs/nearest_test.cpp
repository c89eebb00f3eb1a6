#include "configs/nearest.h"

#include <gtest/gtest.h>

namespace atelier {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("threads", "thraeds"), 1u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // the restricted form: a swapped pair is not edited again
}

TEST(Nearest, ComparesWholeNamesAndTheirLastParts) {
  const std::vector<std::string> names{"data.list", "data.threads", "train.threads", "generate.threads", "x.threads"};
  EXPECT_EQ(nearest("data.thread", names), "data.threads");
  EXPECT_EQ(nearest("lst", names), "data.list");
  EXPECT_EQ(nearest("threads", names), "data.threads, train.threads or generate.threads");
  EXPECT_EQ(nearest(std::string(1'000'000, 'x'), {"a", "b"}), "a or b");
}

}  // namespace
}  // namespace atelier
