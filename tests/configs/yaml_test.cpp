#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <stdexcept>

#include "configs/settings.h"

namespace atelier {
namespace {

using testing::HasSubstr;

class YamlFile : public testing::Test {
 protected:
  YamlFile()
      : path_(testing::TempDir() + "atelier-" + testing::UnitTest::GetInstance()->current_test_info()->name() +
              ".yaml") {}

  std::map<std::string, std::string> read(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    const Layer layer = read_yaml_layer(path_);
    EXPECT_EQ(layer.name, "file " + path_);
    return {layer.values.begin(), layer.values.end()};
  }

  /// What is said against `text`, after the file's name; "" when it is read.
  std::string complaint(const std::string& text) {
    try {
      read(text);
      return "";
    } catch (const std::invalid_argument& error) {
      const std::string message = error.what(), start = "file " + path_ + ": ";
      EXPECT_EQ(message.substr(0, start.size()), start);
      return message.substr(start.size());
    }
  }

  const std::string path_;
};

using Values = std::map<std::string, std::string>;

TEST_F(YamlFile, TakesNestedMapsAndDottedKeysForTheSame) {
  EXPECT_EQ(read("seed: 7\ndata:\n  threads: 4\n  fit: pad # why\n"),
            (Values{{"seed", "7"}, {"data.threads", "4"}, {"data.fit", "pad"}}));
  EXPECT_EQ(read("data.threads: 4\ndata: {fit: pad}"), (Values{{"data.threads", "4"}, {"data.fit", "pad"}}));
  EXPECT_EQ(read("---\ngenerate:\n  label: \"null\"\n  out: ''\n"),
            (Values{{"generate.label", "null"}, {"generate.out", ""}}));
}

TEST_F(YamlFile, MayBeEmptyAndMayHaveEmptySections) {
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(read("# nothing\n").empty());
  EXPECT_TRUE(read("---\n").empty());
  EXPECT_TRUE(read("~").empty());
  EXPECT_TRUE(read("data:\n  # threads: 4\ntrain:\n").empty());
}

TEST_F(YamlFile, RefusesANameWithoutAValue) {
  EXPECT_EQ(complaint("generate:\n  color: #8b5a2b\n").substr(0, 31), "generate.color has no value; qu");
  EXPECT_THAT(complaint("seed: null"), HasSubstr("seed has no value"));
  EXPECT_THAT(complaint("~: 7"), HasSubstr("a setting has no name"));
}

TEST_F(YamlFile, RefusesDuplicatesHoweverTheyAreWritten) {
  EXPECT_EQ(complaint("seed: 1\ndata: {fit: pad}\nseed: 2\n"),
            "seed is given twice, first in line 1 (line 3, column 7)");
  EXPECT_THAT(complaint("data.fit: pad\ndata:\n  fit: pad\n"), HasSubstr("data.fit is given twice, first in line 1"));
  EXPECT_THAT(complaint("data: {fit: pad}\ndata: {flip: true}\n"), HasSubstr("data is given twice, first in line 1"));
}

TEST_F(YamlFile, RefusesOtherShapesThanNamesAndValues) {
  EXPECT_EQ(complaint("data:\n  threads: [1, 2]\n"),
            "data.threads cannot be a list; it takes one value (line 2, column 12)");
  EXPECT_THAT(complaint("- seed\n"), HasSubstr("a list stands where a name is due (line 1"));
  EXPECT_THAT(complaint("seed\n"), HasSubstr("settings are written as \"name: value\""));
  EXPECT_THAT(complaint("{a: 1}: 2\n"), HasSubstr("a map stands where a name is due"));
  EXPECT_THAT(complaint("[a]: 2\n"), HasSubstr("a list stands where a name is due"));
  EXPECT_THAT(complaint("seed: 1\n---\nseed: 2\n"), HasSubstr("a second document begins"));
}

TEST_F(YamlFile, NamesTheSettingUnderAValueThatIsAMap) {
  const Values values = read("data: {threads: {x: 1}}");
  EXPECT_EQ(values, (Values{{"data.threads.x", "1"}}));
  EXPECT_THAT([&] { resolve({read_yaml_layer(path_)}); },
              testing::ThrowsMessage<std::invalid_argument>(HasSubstr("did you mean data.threads?")));
}

TEST_F(YamlFile, SaysLineAndColumnOfWhatIsNotYaml) {
  EXPECT_THAT(complaint("seed: 7\ndata: {fit: pad\n"), HasSubstr("is not YAML: "));
  EXPECT_THAT(complaint("seed: 7\n\tdata: 3\n"), testing::ContainsRegex("is not YAML: .* \\(line 2, column [0-9]+\\)"));
  EXPECT_THAT(complaint("a: *nobody\n"), HasSubstr("(line 1"));
}

TEST_F(YamlFile, RefusesAliases) {
  EXPECT_THAT(complaint("seed: &x 7\ntrain.epochs: *x\n"), HasSubstr("aliases are not allowed (line 2"));
  EXPECT_THAT(complaint("data: &d {fit: pad}\ntrain: {<<: *d}\n"), HasSubstr("aliases are not allowed (line 2"));
}

TEST_F(YamlFile, BoundsDepthAndSize) {
  std::string deep;
  for (int i = 0; i < 20; ++i) deep += "{a: ";
  EXPECT_THAT(complaint(deep + "1" + std::string(20, '}')), HasSubstr("maps are nested too deep"));
  EXPECT_THAT(complaint("seed: " + std::string(100'000, '[')), HasSubstr("cannot be a list"));
  EXPECT_EQ(complaint("# " + std::string(size_t{1} << 20, 'x')), "is larger than 1 MiB");
}

TEST_F(YamlFile, MustBeThere) {
  EXPECT_THAT([] { read_yaml_layer("/nowhere/run.yaml"); },
              testing::ThrowsMessage<std::invalid_argument>("file /nowhere/run.yaml: cannot be opened"));
  EXPECT_THAT([] { read_yaml_layer(testing::TempDir()); },
              testing::ThrowsMessage<std::invalid_argument>(HasSubstr("is it a folder?")));
}

}  // namespace
}  // namespace atelier
