#include "data/lookalikes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

#include "images/transform.h"
#include "tests/data/stream_fixture.h"
#include "tests/support/scene.h"

namespace atelier::test {
namespace {

using ::testing::HasSubstr;

Fingerprint random_print(std::mt19937& random) {
  Fingerprint print;
  for (uint16_t& word : print.words) word = static_cast<uint16_t>(random());
  return print;
}

/// `print` with `count` different bits turned.
Fingerprint turned(Fingerprint print, int count, std::mt19937& random) {
  const Fingerprint before = print;
  while (distance(before, print) < count) {
    const unsigned bit = random() % 256;
    Fingerprint next = print;
    next.words[bit / 16] ^= static_cast<uint16_t>(1u << bit % 16);
    if (distance(before, next) > distance(before, print)) print = next;
  }
  return print;
}

/// What group_looks() says of itself, by comparing each with each.
std::vector<std::vector<Lookalike>> grouped_by_all_pairs(const std::vector<Look>& looks) {
  std::vector<std::vector<Lookalike>> groups;
  std::vector<Fingerprint> heads;
  for (const Look& look : looks) {
    size_t group = 0;
    while (group < heads.size() && distance(heads[group], look.print) > kMostDifference) ++group;
    if (group == heads.size()) {
      heads.push_back(look.print);
      groups.emplace_back();
    }
    groups[group].push_back({.row = look.row, .distance = distance(heads[group], look.print)});
  }
  std::erase_if(groups, [](const auto& group) { return group.size() < 2; });
  return groups;
}

TEST(Lookalikes, TheIndexFindsWhatAllPairsFind) {
  std::mt19937 random(7);
  std::vector<Look> looks;
  for (uint64_t row = 0; row < 3000; ++row) {
    const bool is_copy = row > 0 && random() % 2 == 0;
    const Fingerprint print =
        is_copy ? turned(looks[random() % looks.size()].print, static_cast<int>(random() % 40), random)
                : random_print(random);
    looks.push_back({row * 3, print});
  }
  const auto expected = grouped_by_all_pairs(looks);
  ASSERT_GT(expected.size(), 300u);
  EXPECT_EQ(group_looks(looks), expected);
}

TEST(Lookalikes, TheEdgeIsExactWhereverTheBitsAre) {
  std::mt19937 random(8);
  std::vector<Look> within, beyond;
  for (uint64_t row = 0; row < 400; row += 2) {
    const Fingerprint print = random_print(random);
    within.insert(within.end(), {{row, print}, {row + 1, turned(print, kMostDifference, random)}});
    beyond.insert(beyond.end(), {{row, print}, {row + 1, turned(print, kMostDifference + 1, random)}});
  }
  EXPECT_EQ(group_looks(within).size(), 200u);
  EXPECT_EQ(group_looks(beyond).size(), 0u);
}

/// 40 rows: scenes 0 to 9 four times each, as other files; then one plain, one gone, one no image.
class LookalikeRowsTest : public StreamTest {
 protected:
  LookalikeRowsTest() { use_rows(43); }

  static FakeWeb::Body body(const std::string& address, int) {
    const uint64_t row = row_of(address);
    const Image image = scene(static_cast<unsigned>(row % 10));
    if (row == 40) return encode_png(Image(64, 64, 30));
    if (row == 41) return not_found();
    if (row == 42) return std::vector<std::byte>(100, std::byte{'<'});
    if (row < 10) return encode_png(image);
    if (row < 20) return encode_jpeg(image, 40);
    if (row < 30) return encode_jpeg(fit_square(image, 100, FrameFit::kStretch));
    return encode_png(fit_square(image, 400, FrameFit::kStretch));
  }

  Lookalikes find(const std::stop_token& stop = {}) const {
    FakeWeb web(body);
    std::vector<uint64_t> rows;
    for (uint64_t row = 0; row < 43; ++row) rows.push_back(row);
    return find_lookalikes(config_, *manifest_, rows, web.source(), {}, {}, stop);
  }
};

TEST_F(LookalikeRowsTest, CopiesAreGroupedByTheFirstRow) {
  const Lookalikes found = find();
  EXPECT_EQ(found.compared, 40u);
  EXPECT_EQ(found.plain, 1u);
  EXPECT_EQ(found.failures[static_cast<size_t>(Fault::kHttpStatus)], 1u);
  EXPECT_EQ(found.failures[static_cast<size_t>(Fault::kNotAnImage)], 1u);
  EXPECT_EQ(found.repeats(), 30u);
  ASSERT_EQ(found.groups.size(), 10u);
  for (uint64_t number = 0; number < 10; ++number) {
    ASSERT_EQ(found.groups[number].size(), 4u);
    for (uint64_t copy = 0; copy < 4; ++copy) {
      EXPECT_EQ(found.groups[number][copy].row, number + 10 * copy);
      EXPECT_EQ(found.groups[number][copy].url, url(number + 10 * copy));
    }
    EXPECT_EQ(found.groups[number][0].distance, 0);
  }
}

TEST_F(LookalikeRowsTest, TheWordsAreTheNumbers) {
  Lookalikes found = find();
  found.groups[0][1].url = "http://h/\x1b[2J";
  const std::string text = lookalikes_text(found);
  EXPECT_THAT(text,
              HasSubstr("similar    among 40 pictures: 30 that look like one further up, in 10 groups; 1 too plain "
                        "to compare; 2 not had: http-status 1, not-an-image 1\n"));
  EXPECT_THAT(text, HasSubstr("row        10  http://h/\\x1b[2J\n"));
  const auto json = lookalikes_json(found);
  EXPECT_EQ(json["repeats"], 30);
  EXPECT_EQ(json["groups"].size(), 10u);
  EXPECT_EQ(json["groups"][3][2]["row"], 23);
}

TEST_F(LookalikeRowsTest, AStopComparesNothing) {
  std::stop_source stop;
  stop.request_stop();
  const Lookalikes found = find(stop.get_token());
  EXPECT_FALSE(found.complete);
  EXPECT_TRUE(found.groups.empty());
  EXPECT_THAT(lookalikes_text(found), HasSubstr("stopped before all of 43 pictures had come"));
}

}  // namespace
}  // namespace atelier::test
