#include "models/weights_file.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/files.h"
#include "models/weights.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class WeightsFileTest : public testing::Test {
 protected:
  static WeightsFile small_file() {
    WeightsFile file;
    file.spec = {.kind = "pix2pix", .image_size = 16, .condition = "outline", .labels = {"chair", "sofa"}};
    file.spec.channels = 1;
    file.tensors = {{"generator.weight", torch::tensor({{0.5f, -1.25f}, {3.0f, 1e-7f}})},
                    {"generator.palette.counts", torch::tensor({int64_t{3}, int64_t{-1} << 40})},
                    {"generator.palette.colors", torch::tensor({1, 255}, torch::kUInt8)}};
    file.weights = "average";
    file.position = 9'007'199'254'740'993;  // no double has it
    file.metadata = {{"title", "caf\u00e9 chairs"}};
    return file;
  }

  std::string refusal(const TensorFile& file) const {
    save_tensors(path_, file);
    try {
      load_weights(path_);
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_.string()));
      return error.what();
    }
    return "accepted";
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_ / "chairs.safetensors";
};

TEST_F(WeightsFileTest, GivesBackAllThatWasSaved) {
  const WeightsFile file = small_file();
  save_weights(path_, file);
  const WeightsFile back = load_weights(path_);
  EXPECT_EQ(back.spec, file.spec);
  EXPECT_EQ(back.weights, "average");
  EXPECT_EQ(back.position, file.position);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), 3U);
  for (const auto& [name, tensor] : file.tensors) EXPECT_TRUE(torch::equal(back.tensors.at(name), tensor)) << name;
}

TEST_F(WeightsFileTest, IsReadByAReaderThatKnowsTheFormatOnly) {
  save_weights(path_, small_file());
  const char* python = std::getenv("TEST_PYTHON");
  const fs::path answer = folder_ / "answer.json";
  const std::string command = (python ? python : "python3") +
                              std::string(" " ATELIER_SOURCE_DIR "/tests/models/read_safetensors.py ") +
                              path_.string() + " > " + answer.string();
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  const json read = json::parse(read_file(answer));
  EXPECT_EQ(read["tensors"]["generator.weight"]["shape"], json({2, 2}));
  EXPECT_EQ(read["tensors"]["generator.weight"]["numbers"], json({0.5, -1.25, 3.0, double{1e-7f}}));
  EXPECT_EQ(read["tensors"]["generator.palette.counts"]["numbers"], json({3, -(int64_t{1} << 40)}));
  EXPECT_EQ(read["tensors"]["generator.palette.colors"]["numbers"], json({1, 255}));
  EXPECT_EQ(read["tensors"].size(), 3U);
  const json metadata = read["metadata"];
  EXPECT_EQ(metadata["format"], "pt");
  EXPECT_EQ(metadata["atelier.weights"], "average");
  EXPECT_EQ(metadata["atelier.position"], "9007199254740993");
  EXPECT_EQ(metadata["title"], "caf\u00e9 chairs");
  EXPECT_EQ(json::parse(metadata["atelier.spec"].get<std::string>()).get<ModelSpec>(), small_file().spec);
}

TEST_F(WeightsFileTest, LeavesAloneWhatIsThere) {
  publish_file(path_, "mine");
  EXPECT_THROW(save_weights(path_, small_file()), std::invalid_argument);
  EXPECT_EQ(read_file(path_), "mine");
}

TEST_F(WeightsFileTest, AppearsWholeOrNotAtAll) {
  fs::create_symlink("/dev/full", path_.string() + ".partial");  // every write to it fails with ENOSPC
  EXPECT_THROW(save_weights(path_, small_file()), std::runtime_error);
  EXPECT_FALSE(fs::exists(path_));
  save_weights(path_, small_file());
  EXPECT_EQ(load_weights(path_).position, small_file().position);
}

TEST_F(WeightsFileTest, ReadsAFileThatSaysNoMoreThanItsNetwork) {
  save_tensors(path_, {small_file().tensors, {{"atelier.spec", json(small_file().spec).dump()}}});
  const WeightsFile back = load_weights(path_);
  EXPECT_EQ(back.spec, small_file().spec);
  EXPECT_EQ(back.weights, "");
  EXPECT_EQ(back.position, 0U);
}

TEST_F(WeightsFileTest, RefusesWhatDoesNotDescribeANetworkOfItsSize) {
  const auto tensors = small_file().tensors;
  const std::string spec = json(small_file().spec).dump();
  EXPECT_THAT(refusal({tensors, {}}), HasSubstr("was not written by Atelier"));
  EXPECT_THAT(refusal({tensors, {{"atelier.spec", "{"}}}), HasSubstr("is not JSON"));
  EXPECT_THAT(refusal({tensors, {{"atelier.spec", "{}"}}}), HasSubstr("kind is missing"));
  json large = small_file().spec;
  large["channels"] = 4096;
  for (const int levels : {3, 1}) {
    large["levels"] = levels;
    EXPECT_THAT(refusal({tensors, {{"atelier.spec", large.dump()}}}), HasSubstr("larger network than the file holds"));
  }
  for (const char* position : {"-1", "1e3", "18446744073709551616", " 7"})
    EXPECT_THAT(refusal({tensors, {{"atelier.spec", spec}, {"atelier.position", position}}}),
                HasSubstr("is no position"));
}

}  // namespace
}  // namespace atelier
