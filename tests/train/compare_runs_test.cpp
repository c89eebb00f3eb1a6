#include "train/compare_runs.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/checkpoint.h"
#include "tests/train/fixtures.h"
#include "train/checkpoint.h"
#include "train/trace.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Two runs of three steps of two samples, the same until a test changes the second.
class CompareRuns : public testing::Test {
 protected:
  CompareRuns() {
    for (const char* name : {"straight", "resumed"}) {
      Snapshot snapshot{{{"denoiser.weight", torch::arange(6, torch::kFloat32)}}, {}, {}, {}, {}, "", {}};
      snapshot.state = {{"format", kCheckpointFormat}, {"position", 6}, {"skipped", 0}};
      snapshots_.emplace(name, snapshot);
    }
    const std::vector<std::string> lines = {
        R"({"step":1,"position":0,"entries":[4,2],"pixels":"aa","losses":{"denoiser":"0x1p-1"}})",
        R"({"step":2,"position":2,"entries":[0,1],"pixels":"bb","losses":{"denoiser":"0x1p-2"}})",
        R"({"step":3,"position":4,"entries":[3,5],"pixels":"cc","losses":{"denoiser":"0x1p-3"}})"};
    straight_ = resumed_ = lines;
  }

  std::vector<std::string> compare() const {
    const auto record = [&](const char* name, const std::vector<std::string>& lines, size_t first) {
      save_checkpoint(folder_ / name, 6, snapshots_.at(name));
      Recorded recorded{.traces = {folder_ / name / "1.trace", folder_ / name / "2.trace"},
                        .checkpoint = checkpoint_folder(folder_ / name, 6)};
      for (size_t leg = 0; leg < 2; ++leg) {
        std::ofstream file(recorded.traces[leg]);
        for (size_t i = 0; i < lines.size(); ++i)
          if ((i < first) == (leg == 0)) file << lines[i] << '\n';
      }
      return recorded;
    };
    return differences(record("straight", straight_, 3), record("resumed", resumed_, 1));
  }

  TemporaryFolder folder_;
  std::map<std::string, Snapshot> snapshots_;
  std::vector<std::string> straight_, resumed_;
};

TEST_F(CompareRuns, FindsNothingInTheSameRun) { EXPECT_THAT(compare(), IsEmpty()); }

TEST_F(CompareRuns, TellsEntriesFromNumbers) {
  resumed_[1] = R"({"step":2,"position":2,"entries":[0,9],"pixels":"xx","losses":{"denoiser":"0x1p-2"}})";
  resumed_[2] = R"({"step":3,"position":4,"entries":[3,5],"pixels":"cc","losses":{"denoiser":"0x1.8p-3"}})";
  EXPECT_THAT(compare(), ElementsAre("the entries part at step 2: position 3 is entry 1 straight and 9 resumed",
                                     "the numbers part at step 3: the loss of denoiser is 0.125 straight and 0.1875 "
                                     "resumed"));
}

TEST_F(CompareRuns, TellsPixelsFromEntries) {
  resumed_[2] = R"({"step":3,"position":4,"entries":[3,5],"pixels":"dd","losses":{"denoiser":"0x1p-3"}})";
  EXPECT_THAT(compare(), ElementsAre(HasSubstr("the pixels part at step 3, of the same entries")));
}

TEST_F(CompareRuns, CountsTheSteps) {
  resumed_.pop_back();
  EXPECT_THAT(compare(), ElementsAre("3 steps straight and 2 resumed"));
  resumed_ = {straight_[0], straight_[2]};
  EXPECT_THAT(compare(), ElementsAre("step 2 of the straight run is step 3 of the resumed one"));
}

TEST_F(CompareRuns, ComparesEveryBitOfATensor) {
  snapshots_.at("resumed").model["denoiser.weight"][0] = -0.0;  // equal to 0, and not the same
  EXPECT_THAT(compare(), ElementsAre("model.safetensors: 1 of 1 tensors differ, first denoiser.weight (0 of 6 numbers, "
                                     "by 0 at most)"));
  snapshots_.at("resumed").model["denoiser.weight"][5] = 5.5;
  EXPECT_THAT(compare(), ElementsAre(HasSubstr("denoiser.weight (1 of 6 numbers, by 0.5 at most)")));
}

TEST_F(CompareRuns, FindsTensorsThatOneRunAloneHas) {
  snapshots_.at("resumed").model["denoiser.bias"] = torch::zeros(2);
  EXPECT_THAT(compare(), ElementsAre("model.safetensors: 1 of 2 tensors differ, first denoiser.bias (only the resumed "
                                     "run has it)"));
  snapshots_.at("resumed").model.erase("denoiser.weight");
  EXPECT_THAT(compare(), ElementsAre(HasSubstr("2 of 2 tensors differ")));
}

TEST_F(CompareRuns, ComparesWhatWasChosenButNotWhy) {
  snapshots_.at("straight").state["choices"] = {{"precision", "float32"}, {"precision_why", "9 ms against 12"}};
  snapshots_.at("resumed").state["choices"] = {{"precision", "float32"}, {"precision_why", "asked for"}};
  EXPECT_THAT(compare(), IsEmpty());
  snapshots_.at("resumed").state["choices"]["precision"] = "bfloat16";
  EXPECT_THAT(compare(), ElementsAre("state.json: choices/precision is \"float32\" straight and \"bfloat16\" resumed"));
}

TEST_F(CompareRuns, ComparesCountersAndLedgers) {
  snapshots_.at("resumed").state["skipped"] = 1;
  snapshots_.at("resumed").verdicts = "{}\n";
  EXPECT_THAT(compare(),
              ElementsAre("verdicts.jsonl: its bytes differ", "state.json: skipped is 0 straight and 1 resumed"));
}

TEST_F(CompareRuns, ComparesWhatItHasNeverHeardOf) {
  snapshots_.at("straight").state["counters"] = {{"late", {1, 2}}, {"lost", 3}};
  snapshots_.at("resumed").state["counters"] = {{"late", {1, 5}}, {"lost", 4}};
  snapshots_.at("resumed").state["segments"] = {{{"position", 0}}};
  EXPECT_THAT(compare(), ElementsAre("state.json: counters/late/1 is 2 straight and 5 resumed",
                                     "state.json: segments is null straight and missing resumed"));
}

TEST_F(CompareRuns, LetsRunsLieInTheirOwnFolders) {
  snapshots_.at("straight").state["settings"] = {
      {"train.run_dir", "a"}, {"train.resume", "never"}, {"train.clip", "1"}};
  snapshots_.at("resumed").state["settings"] = {{"train.run_dir", "b"}, {"train.resume", "must"}, {"train.clip", "1"}};
  EXPECT_THAT(compare(), IsEmpty());
  snapshots_.at("resumed").state["settings"]["train.clip"] = "2";
  EXPECT_THAT(compare(), ElementsAre("state.json: settings/train.clip is \"1\" straight and \"2\" resumed"));
}

}  // namespace
}  // namespace atelier
