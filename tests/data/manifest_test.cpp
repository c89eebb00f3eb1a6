#include "data/manifest.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "base/files.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kSha(64, 'a');

std::vector<uint64_t> rows_of(const RowSet& set) {
  std::vector<uint64_t> rows;
  for (uint64_t rank = 0; rank < set.size(); ++rank) rows.push_back(set.at(rank));
  return rows;
}

/// A folder of lists that goes with the test.
class ManifestTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  Manifest open(const std::string& name, const std::string& text) const { return Manifest(write(name, text)); }

  /// The sentence that a list is refused with.
  std::string refusal(const std::string& name, const std::string& text) const {
    try {
      open(name, text);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  }

  const TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
};

TEST_F(ManifestTest, ATextFileIsAUrlALine) {
  const Manifest list = open("a.txt", "# furniture\nhttp://h/a%20b.jpg?q=%2F\r\n\n  /abs/b.png  \nsub/../c.jpg");
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list.entry(0).url, "http://h/a%20b.jpg?q=%2F");
  EXPECT_EQ(list.entry(1).url, "/abs/b.png");
  EXPECT_EQ(list.entry(2).url, (folder_ / "c.jpg").string());
  EXPECT_EQ(list.label_index(0), -1);
  EXPECT_FALSE(list.entry(0).label);
}

TEST_F(ManifestTest, ATableHasQuotesLineEndsInFieldsAByteOrderMarkAndUnknownColumns) {
  const Manifest list = open("a.csv",
                             "\xef\xbb\xbf"
                             "caption,url,price,label\r\n"
                             "\"a \"\"red\"\", soft\nchair\",http://h/1.jpg,12,chair\r\n"
                             "\r\n"
                             ",http://h/2.jpg,,\r\n"
                             "plain \"inner\" quotes,\"http://h/3.jpg\",1,bed");
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list.entry(0).caption, "a \"red\", soft\nchair");
  EXPECT_EQ(list.entry(0).label, "chair");
  EXPECT_EQ(list.entry(1).url, "http://h/2.jpg");
  EXPECT_FALSE(list.entry(1).label);
  EXPECT_EQ(list.entry(2).caption, "plain \"inner\" quotes");
  EXPECT_EQ(list.entry(2).url, "http://h/3.jpg");
  EXPECT_EQ(list.entry(2).label, "bed");
}

TEST_F(ManifestTest, ATabSeparatesTheFieldsOfTsv) {
  const Manifest list = open("a.tsv", "url\tcaption\nhttp://h/1.jpg\tone, two\n");
  EXPECT_EQ(list.entry(0).caption, "one, two");
}

TEST_F(ManifestTest, JsonLinesHoldEveryFieldAndCarryTheRest) {
  const Manifest list =
      open("a.jsonl", R"({"url":"http://h/1.jpg","label":"chair","caption":"a ch\u00e4ir","condition_url":"s/1.png",)"
                      R"("sha256":")" +
                          std::string(64, 'A') +
                          R"(","group":"g","licence":"CC0","creator":"me",)"
                          R"("size":{"url":"nested","w":3},"tags":["x",{"url":4}],"price":3.5})"
                          "\n"
                          "\n"
                          R"({"url":"2.jpg","label":null})");
  ASSERT_EQ(list.size(), 2u);
  const Entry first = list.entry(0);
  EXPECT_EQ(first.url, "http://h/1.jpg");
  EXPECT_EQ(first.label, "chair");
  EXPECT_EQ(first.caption, "a chäir");
  EXPECT_EQ(first.condition_url, (folder_ / "s/1.png").string());
  EXPECT_EQ(first.sha256, kSha);
  EXPECT_EQ(first.group, "g");
  EXPECT_EQ(first.licence, "CC0");
  EXPECT_EQ(first.creator, "me");
  EXPECT_FALSE(list.entry(1).label);
}

TEST_F(ManifestTest, LabelsAreSortedWhateverTheirOrderInTheList) {
  const Manifest list = open("a.csv", "url,label\n1,sofa\n2,bed\n3,\n4,sofa\n5,chair\n");
  EXPECT_THAT(list.labels(), ElementsAre("bed", "chair", "sofa"));
  std::vector<int64_t> indices;
  for (uint64_t row = 0; row < list.size(); ++row) indices.push_back(list.label_index(row));
  EXPECT_THAT(indices, ElementsAre(2, 0, -1, 2, 1));
}

TEST_F(ManifestTest, TheHashIsThatOfTheFile) {
  const Manifest list = open("a.txt", "http://h/1\n");
  EXPECT_EQ(list.sha256(), sha256_file(folder_ / "a.txt"));
}

TEST_F(ManifestTest, ErrorsNameTheFileTheLineAndWhatToDo) {
  EXPECT_THAT(refusal("a.csv", "link,label\nx,y\n"), HasSubstr("no column \"url\" but link, label; name"));
  EXPECT_THAT(refusal("a.csv", "url,url\nx,y\n"), HasSubstr("twice"));
  EXPECT_THAT(refusal("a.csv", "url,caption\nx,\"a\nb\"\ny\n"), HasSubstr("a.csv:4: 1 fields where the header has 2"));
  EXPECT_THAT(refusal("a.csv", "url,caption\nx,\"open\ny,z\n"), HasSubstr("a.csv:2: a quote opens"));
  EXPECT_THAT(refusal("a.csv", "url,caption\nx,\"open\"y\n"), HasSubstr("a.csv:2: text follows"));
  EXPECT_THAT(refusal("a.csv", "url,caption\n,no url\n"), HasSubstr("a.csv:2: no url"));
  EXPECT_THAT(refusal("a.csv", "url,sha256\nx,12ab\n"), HasSubstr("a.csv:2: sha256 is not 64"));
  EXPECT_THAT(refusal("a.jsonl", "{\"url\":\"x\"}\n{\"url\":\"x\"\n"),
              HasSubstr("a.jsonl:2: not valid JSON at column"));
  EXPECT_THAT(refusal("a.jsonl", "[1]\n"), HasSubstr("a.jsonl:1: not a JSON object"));
  EXPECT_THAT(refusal("a.jsonl", "3\n"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("a.jsonl", "null\n"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("a.jsonl", "{\"label\":\"x\"}\n"), HasSubstr("no url"));
  EXPECT_THAT(refusal("a.jsonl", "{\"url\":\"x\",\"label\":3}\n"), HasSubstr("the field \"label\" is not text"));
  EXPECT_THAT(refusal("a.jsonl", "{\"url\":[\"x\"]}\n"), HasSubstr("the field \"url\" is not text"));
  EXPECT_THAT(refusal("a.txt", "http://h/1\nhttp://h/\xff\n"), HasSubstr("a.txt:2: not UTF-8"));
  EXPECT_THAT(refusal("a.jsonl", "{\"url\":\"a\\u0000b\"}\n"), HasSubstr("control character"));
  EXPECT_THAT(refusal("a.txt", std::string((1 << 20) + 1, 'x')), HasSubstr("a.txt:1: longer than 1 MiB"));
  EXPECT_THAT(refusal("a.txt", "# only a comment\n"), HasSubstr("no rows"));
  EXPECT_THAT(refusal("a.txt", ""), HasSubstr("no rows"));
  EXPECT_THAT(refusal("a.csv", ""), HasSubstr("there is no header"));
  EXPECT_THAT(refusal("a.parquet", "x"), HasSubstr("a.parquet: a list ends in"));
  EXPECT_THROW(Manifest(folder_ / "missing.txt"), std::invalid_argument);
  EXPECT_THROW(Manifest{folder_}, std::invalid_argument);
}

TEST_F(ManifestTest, IllFormedUtf8OfEveryKindIsRefused) {
  for (const std::string bad : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
                                "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_THAT(refusal("a.txt", "http://host/" + bad), HasSubstr("not UTF-8"));
  }
  EXPECT_EQ(refusal("a.txt", "http://host/\xc3\xa9\xe2\x82\xac\xf0\x9f\xaa\x91\n"), "accepted");
}

TEST_F(ManifestTest, ASplitKeepsGroupsTogetherAndLosesNobody) {
  std::string text;
  for (int i = 0; i < 4000; ++i)
    text += "{\"url\":\"" + std::to_string(i) + "\",\"group\":\"g" + std::to_string(i / 4) + "\"}\n";
  const Manifest list = open("a.jsonl", text);
  const auto kept = rows_of(list.split(0.25, false)), out = rows_of(list.split(0.25, true));
  std::vector<uint64_t> all(kept);
  all.insert(all.end(), out.begin(), out.end());
  std::sort(all.begin(), all.end());
  for (uint64_t row = 0; row < 4000; ++row) ASSERT_EQ(all.at(row), row);
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  EXPECT_NEAR(static_cast<double>(out.size()) / 4000, 0.25, 0.06);
  for (size_t i = 0; i < out.size(); i += 4) EXPECT_EQ(out[i] / 4, out[i + 3] / 4);
  EXPECT_TRUE(list.split(0, true).empty());
  EXPECT_TRUE(list.split(1, false).empty());
}

TEST_F(ManifestTest, ASplitDoesNotMoveWhenTheListGrowsOrTheFolderMoves) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "pictures/" + std::to_string(i) + ".jpg\n";
  const auto before = rows_of(open("a.txt", text).split(0.1, true));
  std::filesystem::create_directories(folder_ / "elsewhere");
  auto after = rows_of(open("elsewhere/a.txt", text + "one/more.jpg\nand/another.jpg\n").split(0.1, true));
  std::erase_if(after, [](uint64_t row) { return row >= 1000; });
  EXPECT_EQ(before, after);
  EXPECT_FALSE(before.empty());
}

TEST_F(ManifestTest, AHundredThousandRowsOpenInNoTime) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) {
    text += R"({"url": "https://images.example.org/furniture/photos/)" + std::to_string(i) +
            R"(.jpg", "label": "chair", "caption": "a wooden chair with arms"})"
            "\n";
  }
  const auto path = write("big.jsonl", text);
  const auto begin = std::chrono::steady_clock::now();
  const Manifest list(path);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(list.size(), 100'000u);
  EXPECT_EQ(list.entry(99'999).url, "https://images.example.org/furniture/photos/99999.jpg");
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_LT(seconds.count(), 20) << "even under sanitizers on a busy machine; it is 0.1 s without";
}

}  // namespace
}  // namespace atelier
