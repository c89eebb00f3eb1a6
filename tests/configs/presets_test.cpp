#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

#include "base/files.h"
#include "configs/settings.h"

namespace atelier {
namespace {

class Preset : public testing::TestWithParam<const char*> {
 protected:
  std::string path() const { return std::string(ATELIER_SOURCE_DIR "/configs/") + GetParam() + ".yaml"; }
  Config config() const { return resolve({read_yaml_layer(path())}).config; }
};

TEST_P(Preset, Resolves) {
  const Config config = this->config();
  const std::string name = GetParam();
  EXPECT_EQ(config.model.kind, name.starts_with("sketch") ? Kind::kPix2pix : Kind::kDiffusion);
  EXPECT_EQ(config.data.condition, name.starts_with("sketch") ? Condition::kOutline : Condition::kNone);
  const size_t dash = name.find('-');
  EXPECT_EQ(config.data.image_size, dash == std::string::npos ? 256 : std::stoi(name.substr(dash + 1)));
}

TEST_P(Preset, FitsItsNetwork) {
  const Config config = this->config();
  const int halvings = config.model.kind == Kind::kPix2pix ? config.model.levels : config.model.levels - 1;
  EXPECT_EQ(config.data.image_size % (1 << halvings), 0);
  EXPECT_EQ(config.model.channels % 4, 0);
  EXPECT_LT(config.train.warmup, config.train.epochs * config.train.steps_per_epoch * config.train.batch_size / 10);
}

TEST_P(Preset, SaysWhatItIsFor) {
  const std::string text = read_file(path());
  for (const char* heading : {"# For: ", "# Hardware: ", "# Time: "}) {
    EXPECT_NE(text.find(heading), std::string::npos) << heading;
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, Preset,
                         testing::Values("sketch-64", "sketch-256", "furniture-32", "furniture-64", "furniture-256",
                                         "cluster"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Presets, AreAllTested) {
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(ATELIER_SOURCE_DIR "/configs")) {
    count += file.path().extension() == ".yaml";
  }
  EXPECT_EQ(count, 6);
}

}  // namespace
}  // namespace atelier
