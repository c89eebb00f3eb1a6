#include "models/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>

#include "base/files.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CheckpointTest : public testing::Test {
 protected:
  fs::path seal(uint64_t position, const json& changes = json::object()) {
    const fs::path folder = checkpoint_folder(run_, position);
    publish_folder(folder, [&](const fs::path& partial) {
      for (const char* name : {"model.safetensors", "ema.safetensors"})
        publish_file(partial / name, "weights of " + std::to_string(position));
      json state = {{"format", kCheckpointFormat},
                    {"position", position},
                    {"files",
                     {{"model.safetensors", sha256_file(partial / "model.safetensors")},
                      {"ema.safetensors", sha256_file(partial / "ema.safetensors")}}}};
      state.merge_patch(changes);
      publish_file(partial / "state.json", seal_state(state));
    });
    return folder;
  }

  std::string refusal(const fs::path& folder) {
    try {
      verify_checkpoint(folder);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  }

  TemporaryFolder temporary_;
  fs::path run_ = temporary_.path() / "run";
  std::vector<std::string> warnings_;
};

TEST_F(CheckpointTest, NamesFoldersByTwelveDigitsOfPosition) {
  EXPECT_EQ(checkpoint_folder("runs/a", 320), fs::path("runs/a/positions/000000000320"));
}

TEST_F(CheckpointTest, ListsSealedFoldersOldestFirst) {
  const auto young = seal(3200), old = seal(64);
  fs::create_directories(run_ / "positions/000000009999");  // never sealed
  fs::create_directories(run_ / "positions/000000000070.partial");
  publish_file(run_ / "positions/notes.txt", "");
  EXPECT_THAT(list_checkpoints(run_), ElementsAre(old, young));
  EXPECT_THAT(list_checkpoints(run_ / "nowhere"), IsEmpty());
}

TEST_F(CheckpointTest, ReadsWhatWasSealed) {
  const auto checkpoint = verify_checkpoint(seal(64, {{"scaler", 2.5}}));
  EXPECT_EQ(checkpoint.position, 64u);
  EXPECT_EQ(checkpoint.state["scaler"], 2.5);
}

TEST_F(CheckpointTest, RefusesADamagedFile) {
  const auto folder = seal(64);
  publish_file(folder / "model.safetensors", "weights of 65");
  EXPECT_THAT(refusal(folder), HasSubstr("model.safetensors is damaged"));
}

TEST_F(CheckpointTest, RefusesAMissingFile) {
  const auto folder = seal(64);
  fs::remove(folder / "model.safetensors");
  EXPECT_THAT(refusal(folder), HasSubstr("model.safetensors is missing"));
}

TEST_F(CheckpointTest, RefusesAFolderThatWasNeverSealed) {
  const auto folder = seal(64);
  fs::remove(folder / "state.json");
  EXPECT_THAT(refusal(folder), HasSubstr("has no state.json"));
}

TEST_F(CheckpointTest, RefusesANameThatLeadsOutOfTheFolder) {
  for (const char* name : {"../secret", "/etc/passwd", "..", "a/b", ""})
    EXPECT_THAT(refusal(seal(64, {{"files", {{name, std::string(64, '0')}}}})), HasSubstr("not a plain file name"));
}

TEST_F(CheckpointTest, RefusesAStateThatSaysTooLittle) {
  EXPECT_THAT(refusal(seal(64, {{"format", nullptr}})), HasSubstr("no format"));
  EXPECT_THAT(refusal(seal(64, {{"format", 0}})), HasSubstr("version 0, this program reads version 1"));
  EXPECT_THAT(refusal(seal(64, {{"format", 2}})),
              HasSubstr("by a newer version of atelier (format 2; this one reads 1)"));
  EXPECT_THAT(refusal(seal(64, {{"position", -1}})), HasSubstr("no position"));
  EXPECT_THAT(refusal(seal(64, {{"files", nullptr}})), HasSubstr("lists no files"));
  EXPECT_THAT(refusal(seal(64, {{"files", {{"model.safetensors", 3}}}})), HasSubstr("no hash for model.safetensors"));
  EXPECT_THAT(refusal(seal(64, {{"files", {{"ema.safetensors", nullptr}}}})), HasSubstr("lists no ema.safetensors"));
  const auto folder = seal(64);
  std::string text = read_file(folder / "state.json");
  text.replace(text.find("\"position\": 64"), 14, "\"position\": 65");
  publish_file(folder / "state.json", text);
  EXPECT_THAT(refusal(folder), HasSubstr("state.json is damaged"));
  publish_file(folder / "state.json",
               R"({"format":1,"deep":)" + std::string(2'000'000, '[') + std::string(2'000'000, ']') + "}");
  EXPECT_THAT(refusal(folder), HasSubstr("nests deeper than 32"));
  publish_file(folder / "state.json", "[1,");
  EXPECT_THAT(refusal(folder), HasSubstr("not a JSON object"));
}

TEST_F(CheckpointTest, FallsBackPastDamagedOnesAndNamesThem) {
  const auto good = seal(64), bad = seal(128);
  publish_file(bad / "model.safetensors", "");
  const auto newest = newest_checkpoint(run_, warnings_);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->folder, good);
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr(bad.string())));
}

TEST_F(CheckpointTest, DoesNotFallBackPastOneOfANewerVersion) {
  seal(64);
  const auto newer = seal(128, {{"format", kCheckpointFormat + 1}});
  try {
    newest_checkpoint(run_, warnings_);
    FAIL() << "what the newer version has trained would be lost";
  } catch (const NewerFormat& error) {
    EXPECT_THAT(error.what(), HasSubstr(newer.string()));
    EXPECT_THAT(error.what(), HasSubstr("go on with the newer version"));
  }
}

TEST_F(CheckpointTest, FallsBackPastOneThatCannotBeRead) {
  for (const char* name : {"model.safetensors", "state.json"}) {
    const auto good = seal(64), bad = seal(128);
    fs::remove(bad / name);
    fs::create_symlink(name, bad / name);  // a link to itself: opening it is an error of the system
    warnings_.clear();
    const auto newest = newest_checkpoint(run_, warnings_);
    ASSERT_TRUE(newest) << name;
    EXPECT_EQ(newest->folder, good) << name;
    EXPECT_THAT(warnings_, ElementsAre(HasSubstr("cannot be read"))) << name;
  }
}

TEST_F(CheckpointTest, FindsNothingInAnEmptyRun) {
  EXPECT_FALSE(newest_checkpoint(run_, warnings_));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(CheckpointTest, OpensARunFolderOrOnePosition) {
  const auto old = seal(64), young = seal(128);
  EXPECT_EQ(open_checkpoint(run_, warnings_).folder, young);
  EXPECT_EQ(open_checkpoint(old, warnings_).folder, old);
  EXPECT_THROW(open_checkpoint(run_ / "nowhere", warnings_), std::invalid_argument);
  EXPECT_THROW(open_checkpoint(temporary_.path(), warnings_), std::invalid_argument);
}

TEST_F(CheckpointTest, DoesNotFallBackWhenOnePositionWasNamed) {
  const auto bad = seal(128);
  seal(64);
  publish_file(bad / "model.safetensors", "");
  EXPECT_THROW(open_checkpoint(bad, warnings_), std::invalid_argument);
}

}  // namespace
}  // namespace atelier
