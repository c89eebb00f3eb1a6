#include "inference/reply.h"

#include <gtest/gtest.h>

#include "tests/inference/png_text.h"

namespace atelier {
namespace {

using nlohmann::json;

Variation made(uint64_t seed, int side) {
  nlohmann::ordered_json record;
  record["seed"] = seed;
  record["label"] = "chaise \"longue\" à bascule";
  Variation variation = finish(Image(side, side, 90), record);
  variation.milliseconds = 12.34567;
  return variation;
}

TEST(Reply, HoldsEachVariationsRecordAndPng) {
  const std::vector<Variation> variations{made(7, 8), made((uint64_t{1} << 53) - 1, 9)};
  const std::string text = make_reply(1'700'000'000, variations, {});
  EXPECT_EQ(text.back(), '\n');
  const json reply = json::parse(text);
  EXPECT_EQ(reply["created"], 1'700'000'000);
  ASSERT_EQ(reply["data"].size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const json& entry = reply["data"][i];
    EXPECT_EQ(entry["seed"], variations[i].record["seed"].get<uint64_t>());
    EXPECT_EQ(entry["label"], "chaise \"longue\" à bascule");
    EXPECT_EQ(entry["milliseconds"], 12.3);
    EXPECT_EQ(test::from_base64(entry["b64_json"]), variations[i].png);
    EXPECT_FALSE(entry.contains("file"));
  }
}

TEST(Reply, NamesTheFilesWhereThereAreSome) {
  const std::vector<Variation> variations{made(7, 8)};
  const std::vector<std::filesystem::path> files{"designs/chair-7.png"};
  EXPECT_EQ(json::parse(make_reply(0, variations, files))["data"][0]["file"], "designs/chair-7.png");
}

TEST(Variation, CarriesItsRecordInThePngAndNothingThatChangesFromRunToRun) {
  const Variation variation = made(7, 8);
  const auto texts = test::read_png_text(variation.png);
  EXPECT_EQ(json::parse(texts.at("atelier")), json(variation.record));
  EXPECT_EQ(finish(variation.image, variation.record).png, variation.png);
}

}  // namespace
}  // namespace atelier
