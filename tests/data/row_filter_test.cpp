#include "data/row_filter.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/manifest.h"
#include "data/stream.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Lists with the same five chairs in three formats.
class RowFilterTest : public ::testing::Test {
 protected:
  RowFilterTest() {
    write("a.csv",
          "url,label,licence, year \n"
          "http://h/0,chair,CC0,1999\n"
          "http://h/1,chair,CC-BY-3.0,2004\n"
          "http://h/2,\"sofa, red\",CC0,2004\n"
          "http://h/3,,,1999\n"
          "http://h/4,bed,CC-BY-4.0,2004\n");
    write("a.jsonl",
          "{\"url\":\"http://h/0\",\"label\":\"chair\",\"licence\":\"CC0\",\"year\":1999,\"x\":{\"label\":\"bed\"}}\n"
          "\n"
          "{\"url\":\"http://h/1\",\"label\":\"chair\",\"licence\":\"CC-BY-3.0\",\"year\":2004,\"indoors\":true}\n"
          "{\"url\":\"http://h/2\",\"label\":\"sofa, red\",\"licence\":\"CC0\",\"year\":2004,\"scale\":1.50}\n"
          "{\"url\":\"http://h/3\",\"label\":null,\"year\":1999,\"tags\":[\"chair\"]}\n"
          "{\"url\":\"http://h/4\",\"label\":\"bed\",\"licence\":\"CC-BY-4.0\",\"year\":2004}\n");
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  static std::vector<uint64_t> list_of(const RowSet& set) {
    std::vector<uint64_t> rows;
    for (uint64_t rank = 0; rank < set.size(); ++rank) rows.push_back(set.at(rank));
    return rows;
  }
  std::vector<uint64_t> rows(const std::string& where, const std::string& name) const {
    return list_of(Manifest(folder_ / name, {.where = where, .progress = {}}).rows());
  }
  std::string refusal(const std::string& where, const std::string& name = "a.csv") const {
    try {
      rows(where, name);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  }

  const TemporaryFolder folder_;
};

TEST_F(RowFilterTest, ConditionsChooseRowsWhateverTheFormat) {
  for (const std::string name : {"a.csv", "a.jsonl"}) {
    EXPECT_THAT(rows("", name), ElementsAre(0, 1, 2, 3, 4));
    EXPECT_THAT(rows("licence=CC0", name), ElementsAre(0, 2));
    EXPECT_THAT(rows("licence=CC-BY-3.0|CC0", name), ElementsAre(0, 1, 2));
    EXPECT_THAT(rows("label!=chair", name), ElementsAre(2, 3, 4));
    EXPECT_THAT(rows("label != chair | bed and licence = CC0", name), ElementsAre(2));
    EXPECT_THAT(rows("licence=", name), ElementsAre(3)) << "rows without the field";
    EXPECT_THAT(rows("licence!=", name), ElementsAre(0, 1, 2, 4));
    EXPECT_THAT(rows("label=|bed", name), ElementsAre(3, 4));
    EXPECT_THAT(rows("label=sofa, red", name), ElementsAre(2));
    EXPECT_THAT(rows("year=2004 and licence!=CC0 and label=bed", name), ElementsAre(4)) << "a field that is not known";
    EXPECT_THAT(rows("url=http://h/3", name), ElementsAre(3));
  }
  EXPECT_THAT(rows("indoors=true", "a.jsonl"), ElementsAre(1));
  EXPECT_THAT(rows("scale=1.50", "a.jsonl"), ElementsAre(2));
  write("a.txt", "http://h/a\nhttp://h/b\n");
  EXPECT_THAT(rows("url!=http://h/a", "a.txt"), ElementsAre(1));
}

TEST_F(RowFilterTest, MistakesAreOneSentence) {
  for (const char* where : {"label", "=chair", "label=a and", " and label=a", "label=a and and label=b", "label!chair",
                            "la bel=a", "!=chair", "label>=3"})
    EXPECT_THAT(refusal(where), HasSubstr("is no condition; write FIELD=VALUE")) << where;
  for (const std::string name : {"a.csv", "a.jsonl"}) {
    EXPECT_THAT(refusal("licens=CC0", name),
                HasSubstr("names the field \"licens\", which no row has; did you mean licence?"));
    EXPECT_THAT(refusal("label=a and caption!=b", name), HasSubstr("the field \"caption\""));
    EXPECT_THAT(refusal("label=table", name), HasSubstr("data.where lets no row through"));
  }
  EXPECT_THAT(refusal("tags=chair", "a.jsonl"), HasSubstr("the field \"tags\"")) << "a list of things is no text";
}

TEST_F(RowFilterTest, WhatItLeavesOutIsInNoOrder) {
  std::string text = "url,label,group\n";
  for (int row = 0; row < 150'000; ++row)
    text += fmt::format("http://h/{},{},g{}\n", row, row % 3 == 0 ? "a" : "b", row / 2);
  write("long.csv", text);
  Config config;
  config.data.list = (folder_ / "long.csv").string();
  config.data.where = "label=a";
  const auto manifest = std::make_shared<const Manifest>(folder_ / "long.csv",
                                                         ManifestOptions{.where = config.data.where, .progress = {}});
  EXPECT_EQ(manifest->size(), 150'000u) << "rows keep their numbers";
  const StreamPlan plan = plan_stream(config, manifest);
  ASSERT_EQ(plan.order.entries, 50'000u);
  for (uint64_t rank = 0; rank < 50'000; ++rank) ASSERT_EQ(plan.rows.at(rank), 3 * rank);

  const Manifest all(folder_ / "long.csv");
  const auto in_all = list_of(all.split(0.25, true)), held_out = list_of(manifest->split(0.25, true));
  std::vector<uint64_t> expected;
  std::copy_if(in_all.begin(), in_all.end(), std::back_inserter(expected), [](uint64_t row) { return row % 3 == 0; });
  EXPECT_EQ(held_out, expected) << "a filter moves nobody to the other side";
  EXPECT_EQ(held_out.size() + manifest->split(0.25, false).size(), 50'000u);
}

}  // namespace
}  // namespace atelier
