#include "data/credits.h"

#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

class CreditsTest : public ::testing::Test {
 protected:
  CreditsTest() {
    std::ofstream(folder_ / "a.csv") << "url,licence,creator,caption\n"
                                        "http://h/0,CC-BY-3.0,Ana,a chair\n"
                                        "http://h/1,CC0,Ana,a sofa\n"
                                        "http://h/2,CC-BY-3.0,Ben,\n"
                                        "http://h/3,CC BY-SA 4.0,Ana,a bed\n"
                                        "http://h/4,,Ana,a lamp\n"
                                        "http://h/5,CC-BY-3.0,Ben,a desk\n"
                                        "http://h/6,mine,Cleo,a shelf\n"
                                        "http://h/7,CC-BY-3.0,Ben,a bench\n"
                                        "http://h/8,CC-BY-3.0,Ben,a stool\n"
                                        "http://h/9,CC-BY-3.0,,a table\n";
  }
  Credits credits(const Verdicts& ledger = {}) const { return credits_of(manifest(), manifest().rows(), ledger); }
  Manifest manifest() const { return Manifest(folder_ / "a.csv"); }

  const TemporaryFolder folder_;
};

TEST_F(CreditsTest, NameThoseWhoseLicencesDemandIt) {
  EXPECT_EQ(credits_text(credits(), manifest()),
            "(no creator named), CC-BY-3.0 (https://creativecommons.org/licenses/by/3.0/): 1 work\n"
            "  a table, http://h/9\n"
            "Ana, CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/): 1 work\n"
            "  a bed, http://h/3\n"
            "Ana, CC-BY-3.0 (https://creativecommons.org/licenses/by/3.0/): 1 work\n"
            "  a chair, http://h/0\n"
            "Ben, CC-BY-3.0 (https://creativecommons.org/licenses/by/3.0/): 4 works\n");
  const Credits found = credits();
  EXPECT_EQ(found.works, 10u);
  EXPECT_EQ(found.free, 1u);
  EXPECT_EQ(found.unknown, (std::map<std::string, uint64_t>{{"", 1}, {"mine", 1}}));
}

TEST_F(CreditsTest, EntriesThatCouldNotBeHadAreNotUsed) {
  Verdicts ledger;
  for (const uint64_t row : {0, 5}) ledger.add({.entry = row, .position = 0, .url = {}, .detail = {}});
  const auto json = nlohmann::json::parse(credits_json(credits(ledger), manifest()));
  EXPECT_EQ(json["works"], 8);
  ASSERT_EQ(json["attributions"].size(), 3u);
  EXPECT_EQ(json["attributions"][2]["creator"], "Ben");
  EXPECT_EQ(json["attributions"][2]["works"], 3);
  EXPECT_EQ(json["attributions"][2]["entries"][0]["url"], "http://h/2") << "few enough to be named";
  EXPECT_EQ(json["attributions"][2]["entries"][2]["entry"], 8);
  EXPECT_EQ(json["without_demand"], 1);
  EXPECT_EQ(json["unknown_licences"]["mine"], 1);
}

TEST_F(CreditsTest, AreTheSameWhateverTheThreads) {
  std::string text = "url,licence,creator\n";
  for (int row = 0; row < 200'000; ++row)
    text += fmt::format("http://h/{},CC-BY-4.0,c{}\n", row, row >= 65'534 && row < 65'538 ? 7 : row % 7);
  std::ofstream(folder_ / "long.csv") << text;
  const Manifest list(folder_ / "long.csv");
  const Credits found = credits_of(list, list.rows(), {});
  ASSERT_EQ(found.demanded.size(), 8u);
  EXPECT_EQ(found.demanded.at({"c7", "CC-BY-4.0"}).works, 4u);
  EXPECT_EQ(found.demanded.at({"c7", "CC-BY-4.0"}).first_rows, (std::vector<uint64_t>{65'534, 65'535, 65'536, 65'537}));
  EXPECT_EQ(found.demanded.at({"c3", "CC-BY-4.0"}).first_rows, (std::vector<uint64_t>{3, 10, 17, 24}));
  uint64_t works = 0;
  for (const auto& [key, credit] : found.demanded) works += credit.works;
  EXPECT_EQ(works, 200'000u);
}

TEST(Credits, LicencesAreKnownByTheirManyNames) {
  for (const char* licence : {"CC-BY-4.0", "cc-by-sa-3.0", "CC BY 2.0", "CC_BY_NC_4.0", "by-nd", "by",
                              "Creative Commons Attribution 3.0", "https://creativecommons.org/licenses/by-sa/4.0/"})
    EXPECT_EQ(demand_of(licence), Demand::kAttribution) << licence;
  for (const char* licence : {"CC0", "CC0-1.0", "cc0 1.0", "Public Domain", "public domain mark", "PDM", "CC-PDDC",
                              "Unlicense", "https://creativecommons.org/publicdomain/zero/1.0/"})
    EXPECT_EQ(demand_of(licence), Demand::kNone) << licence;
  for (const char* licence :
       {"", "MIT", "all rights reserved", "standby", "bye", "GPL-3.0", "UNLICENSED", "not public domain"})
    EXPECT_EQ(demand_of(licence), Demand::kUnknown) << licence;
  EXPECT_EQ(licence_url("cc by-nc-sa 2.5"), "https://creativecommons.org/licenses/by-nc-sa/2.5/");
  EXPECT_EQ(licence_url("CC-BY-9.0"), "");
}

}  // namespace
}  // namespace atelier
