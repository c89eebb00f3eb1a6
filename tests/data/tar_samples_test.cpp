#include "data/tar_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/data/tar_fixture.h"

namespace atelier::test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TarSamples samples_of(const std::string& tar) {
  TarReader reader(tar.size(), 512, [&](const ByteRange& range) { return tar.substr(range.first, range.size()); });
  return read_samples(reader, [] {});
}

/// The rows, with the bytes themselves instead of where they are.
std::vector<json> rows_of(const std::string& members) {
  const std::string tar = members + kTarEnd;
  std::istringstream lines(samples_of(tar).rows);
  std::vector<json> rows;
  for (std::string line; std::getline(lines, line);) {
    json& row = rows.emplace_back(json::parse(line));
    for (const char* field : {"bytes", "condition"}) {
      if (!row.contains(field)) continue;
      const std::string text = row[field];
      const size_t dash = text.find('-'), first = std::stoul(text), last = std::stoul(text.substr(dash + 1));
      row[field] = tar.substr(first, last - first + 1);
    }
  }
  return rows;
}

TEST(TarSamples, AreNeighboursOfOneKey) {
  EXPECT_THAT(rows_of(tar_member("a/1.jpg", "one") + tar_member("a/1.cls", " 3\n") +
                      tar_member("a/1.txt", "a chair\n") + tar_member("b/1.PNG", "two") +
                      tar_member("2.jpeg", "three") + tar_member("3.v2.webp", "no image's name") +
                      tar_member("3.webp", "four") + tar_member("a/1.jpg", "five")),
              ElementsAre(json{{"bytes", "one"}, {"label", "3"}, {"caption", "a chair"}, {"group", "a/1"}},
                          json{{"bytes", "two"}, {"group", "b/1"}}, json{{"bytes", "three"}, {"group", "2"}},
                          json{{"bytes", "four"}, {"group", "3"}}, json{{"bytes", "five"}, {"group", "a/1"}}));
}

TEST(TarSamples, MayBeOfAnyFormat) {
  std::string tar;
  for (const char* name : {"1.avif", "2.jxl", "3.tif", "4.TIFF", "5.bmp", "6.condition.avif", "6.bmp", "7.gif"})
    tar += tar_member(name, name);
  EXPECT_THAT(rows_of(tar),
              ElementsAre(json{{"bytes", "1.avif"}, {"group", "1"}}, json{{"bytes", "2.jxl"}, {"group", "2"}},
                          json{{"bytes", "3.tif"}, {"group", "3"}}, json{{"bytes", "4.TIFF"}, {"group", "4"}},
                          json{{"bytes", "5.bmp"}, {"group", "5"}},
                          json{{"bytes", "6.bmp"}, {"condition", "6.condition.avif"}, {"group", "6"}}));
}

TEST(TarSamples, TakeTheFieldsOfAListFromJson) {
  const std::string fields = R"({"label":"sofa","caption":"red","group":"g7","licence":"CC0","creator":"Ann",
                                 "url":"http://elsewhere/","sha256":"of another file","width":5})";
  EXPECT_THAT(rows_of(tar_member("1.json", fields) + tar_member("1.jpg", "one")),
              ElementsAre(json{{"bytes", "one"},
                               {"label", "sofa"},
                               {"caption", "red"},
                               {"group", "g7"},
                               {"licence", "CC0"},
                               {"creator", "Ann"}}));
  EXPECT_THAT(rows_of(tar_member("1.json", R"({"label":"sofa","caption":"red"})") + tar_member("1.cls", "bed") +
                      tar_member("1.txt", "blue") + tar_member("1.jpg", "one")),
              ElementsAre(json{{"bytes", "one"}, {"label", "bed"}, {"caption", "blue"}, {"group", "1"}}))
      << "members of their own win";
  EXPECT_THAT(rows_of(tar_member("1.json", R"({"label":12,"caption":["a"],"group":null,"creator":{}})") +
                      tar_member("1.jpg", "one")),
              ElementsAre(json{{"bytes", "one"}, {"label", "12"}, {"group", "1"}}));
}

TEST(TarSamples, MayHaveTheInputImageOfAPair) {
  EXPECT_THAT(
      rows_of(tar_member("1.jpg", "one") + tar_member("1.condition.png", "sketch") + tar_member("1.seg.png", "s")),
      ElementsAre(json{{"bytes", "one"}, {"condition", "sketch"}, {"group", "1"}}));
}

TEST(TarSamples, OfOneKeyTwiceAreTwo) {
  EXPECT_THAT(rows_of(tar_member("1.jpg", "one") + tar_member("1.cls", "a") + tar_member("1.jpg", "two") +
                      tar_member("1.cls", "b")),
              ElementsAre(json{{"bytes", "one"}, {"label", "a"}, {"group", "1"}},
                          json{{"bytes", "two"}, {"label", "b"}, {"group", "1"}}));
}

TEST(TarSamples, HiddenFilesAndThoseWithoutAnExtensionBelongToNone) {
  const auto samples = samples_of(tar_member("._1.jpg", "resource fork") + tar_member("README", "read me") +
                                  tar_member("a.b/README", "me too") + tar_member("1.jpg", "one") + kTarEnd);
  EXPECT_EQ(samples.samples, 1u);
  EXPECT_EQ(samples.without_image, 0u);
}

TEST(TarSamples, WithoutAnImageAreCountedAndLeftOut) {
  const auto samples = samples_of(tar_member("1.txt", "a chair") + tar_member("2.jpg", "") +
                                  tar_member("3.jpg", "three") + tar_member("4.npy", "numbers") + kTarEnd);
  EXPECT_EQ(samples.samples, 1u);
  EXPECT_EQ(samples.without_image, 3u);
  EXPECT_EQ(samples.unreadable, 0u);
}

TEST(TarSamples, WhoseTextCannotBeReadAreCountedAndLeftOut) {
  const std::string much((1 << 20) + 1, 'a'), many((600 << 10), 'a');
  for (const auto& [member, why] : {std::pair{tar_member("1.cls", "\xff\xfe"), "at byte 512: not UTF-8"},
                                    {tar_member("1.txt", much), "at byte 512: over 1 MiB of text"},
                                    {tar_member("1.json", "[1,2]"), "at byte 512: not a JSON object"},
                                    {tar_member("1.json", R"({"label":"a)"), "at byte 512: not a JSON object"},
                                    {tar_member("1.json", std::string(500'000, '[')), "at byte 512: not a JSON object"},
                                    {tar_member("1.txt", many), "a sample with over half a MiB of text"}}) {
    const auto samples = samples_of(member + tar_member("1.jpg", "one") + tar_member("2.jpg", "two") + kTarEnd);
    EXPECT_EQ(samples.samples, 1u) << why;
    EXPECT_EQ(samples.unreadable, 1u) << why;
    EXPECT_THAT(samples.example, HasSubstr(why));
  }
}

TEST(TarSamples, MayHaveAnyBytesInTheirNames) {
  const std::string names = tar_member("../../etc/\xff\n\"1.jpg", "one") + tar_member("/abs/2.jpg", "two");
  const auto rows = rows_of(names);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["group"], "../../etc/\xef\xbf\xbd\n\"1");
  EXPECT_EQ(rows[1]["group"], "/abs/2");
}

}  // namespace
}  // namespace atelier::test
