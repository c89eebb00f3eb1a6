#include "inference/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/inference/child.h"
#include "tests/inference/tiny_run.h"

namespace atelier::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<Resolved> read(const std::string& lines) {
  const Scratch scratch;
  write_text(scratch.path() / "requests.jsonl", lines);
  return read_requests(scratch.path() / "requests.jsonl",
                       resolve({Layer{"flag", {{"seed", "3"}, {"generate.variations", "2"}}}}));
}

std::string refusal(const std::string& lines) try {
  read(lines);
  return "";
} catch (const std::invalid_argument& error) {
  return error.what();
}

TEST(Requests, AreLaidOverWhatTheyHaveInCommon) {
  const auto requests =
      read("{\"label\": \"chair\", \"seed\": 9007199254740991}\n\n{\"variations\": 8, \"strength\": 0.25}\n");
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].config.generate.label, "chair");
  EXPECT_EQ(requests[0].config.seed, 9007199254740991U);
  EXPECT_EQ(requests[0].config.generate.variations, 2);
  EXPECT_EQ(requests[1].config.generate.label, "");
  EXPECT_EQ(requests[1].config.seed, 3U);
  EXPECT_EQ(requests[1].config.generate.variations, 8);
  EXPECT_EQ(requests[1].config.generate.strength, 0.25);
}

TEST(Requests, NameTheLineThatIsWrong) {
  EXPECT_THAT(refusal("{\"label\": \"chair\"}\nchair\n"),
              HasSubstr("requests.jsonl line 2: a request is a JSON object"));
  EXPECT_THAT(refusal("{\"lable\": \"chair\"}"), HasSubstr("did you mean generate.label?"));
  EXPECT_THAT(refusal("{\"variations\": 65}"), HasSubstr("requests.jsonl line 1"));
  EXPECT_THAT(refusal("{\"label\": [\"chair\"]}"), HasSubstr("line 1: label must be a text"));
  EXPECT_THAT(refusal("{\"out\": \"elsewhere\"}"), HasSubstr("out is the same for all requests"));
  EXPECT_THAT(refusal("\n \n"), HasSubstr("holds no request"));
  EXPECT_THROW(read_requests("/missing/requests.jsonl", {}), std::invalid_argument);
}

TEST(Requests, AreAnsweredInOneDocumentAsTheyWouldBeAlone) {
  const Scratch scratch;
  write_checkpoint(scratch.path() / "run", tiny_pix2pix());
  write_chair(scratch / "chair.png");
  write_text(scratch.path() / "requests.jsonl",
             json{{"label", "chair"}, {"image", scratch / "chair.png"}, {"variations", 2}, {"seed", 7}}.dump() + "\n" +
                 json{{"label", "sofa"}, {"image", scratch / "chair.png"}}.dump() + "\n");
  const Finished all = generate({"--checkpoint", scratch / "run", "--requests", scratch / "requests.jsonl", "--seed",
                                 "5", "--grid", scratch / "grid.png"});
  ASSERT_EQ(all.code, 0) << all.err;
  const json data = json::parse(all.out)["data"];
  ASSERT_EQ(data.size(), 3U);
  EXPECT_EQ(data[0]["request"], 0);
  EXPECT_EQ(data[1]["request"], 0);
  EXPECT_EQ(data[2]["request"], 1);
  EXPECT_EQ(data[2]["seed"], 5);
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "grid.png"));
  const Finished alone =
      generate({"--checkpoint", scratch / "run", "--label", "sofa", "--image", scratch / "chair.png", "--seed", "5"});
  EXPECT_EQ(json::parse(alone.out)["data"][0]["b64_json"], data[2]["b64_json"]);
}

TEST(Requests, AreAllRefusedWhenOneCannotBeFulfilled) {
  const Scratch scratch;
  write_checkpoint(scratch.path() / "run", tiny_pix2pix());
  write_chair(scratch / "chair.png");
  write_text(scratch.path() / "requests.jsonl",
             json{{"label", "chair"}, {"image", scratch / "chair.png"}}.dump() + "\n" +
                 json{{"label", "spaceship"}, {"image", scratch / "chair.png"}}.dump() + "\n");
  const Finished all = generate(
      {"--checkpoint", scratch / "run", "--requests", scratch / "requests.jsonl", "--out", scratch / "designs"});
  EXPECT_EQ(all.code, 2);
  EXPECT_EQ(all.out, "");
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "designs"));
}

}  // namespace
}  // namespace atelier::test
