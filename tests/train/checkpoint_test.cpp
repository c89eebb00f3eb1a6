#include "train/checkpoint.h"

#include <chrono>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/random.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "tests/train/fixtures.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A snapshot whose every number is the position.
Snapshot snapshot_at(uint64_t position, int64_t size = 2'000) {
  const auto tensor = torch::full({size}, static_cast<double>(position), torch::kFloat32);
  Snapshot snapshot{{{"generator.weight", tensor}},
                    {{"generator.weight", tensor}},
                    {{"generator.weight", tensor}},
                    {{"generator.step", tensor}},
                    {},
                    "",
                    {}};
  snapshot.state = {{"format", kCheckpointFormat}, {"position", position}};
  return snapshot;
}

void damage(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(-1, std::ios::end);
  stream.put('\x55');
}

TEST(Checkpoint, IsFoundAgainWithItsNumbers) {
  const TemporaryFolder run;
  save_checkpoint(run.path(), 320, snapshot_at(320));
  save_checkpoint(run.path(), 64, snapshot_at(64));
  std::vector<std::string> warnings;
  const auto newest = newest_checkpoint(run.path(), warnings);
  ASSERT_TRUE(newest);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(newest->position, 320U);
  const TensorFile model = load_tensors(newest->folder / "model.safetensors");
  EXPECT_EQ(model.tensors.at("generator.weight")[7].item<float>(), 320);
  EXPECT_EQ(nlohmann::json::parse(model.metadata.at("atelier.spec")).get<ModelSpec>(), ModelSpec());
}

TEST(Checkpoint, KeepsTheNewestOnesOnly) {
  const TemporaryFolder run;
  for (const uint64_t position : {8, 16, 24, 32}) save_checkpoint(run.path(), position, snapshot_at(position));
  fs::create_directories(run / "positions/000000000040.partial");
  prune_checkpoints(run.path(), 32, 2);
  EXPECT_EQ(list_checkpoints(run.path()),
            (std::vector<fs::path>{checkpoint_folder(run.path(), 24), checkpoint_folder(run.path(), 32)}));
  EXPECT_FALSE(fs::exists(run / "positions/000000000040.partial"));
  prune_checkpoints(run.path(), 32, 0);
  EXPECT_EQ(list_checkpoints(run.path()).size(), 1U) << "the last one always stays";
}

TEST(Checkpoint, KeepsTheOneJustSavedBeforeADamagedOne) {
  const TemporaryFolder run;
  for (const uint64_t position : {12, 24}) save_checkpoint(run.path(), position, snapshot_at(position));
  damage(checkpoint_folder(run.path(), 24) / "model.safetensors");
  save_checkpoint(run.path(), 16, snapshot_at(16));  // a run that went on from 12 and was stopped
  prune_checkpoints(run.path(), 16, 1);
  std::vector<std::string> warnings;
  const auto newest = newest_checkpoint(run.path(), warnings);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->position, 16U);
  EXPECT_FALSE(fs::exists(checkpoint_folder(run.path(), 12))) << "only one is kept";
}

TEST(Checkpoint, FallsBackWhenTheNewestIsDamaged) {
  for (const char* file :
       {"model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors", "state.json"}) {
    const TemporaryFolder run;
    save_checkpoint(run.path(), 8, snapshot_at(8));
    save_checkpoint(run.path(), 16, snapshot_at(16));
    damage(checkpoint_folder(run.path(), 16) / file);
    const RunFolder folder = open_run_folder(run.path(), Resume::kAuto);
    ASSERT_TRUE(folder.newest) << file;
    EXPECT_EQ(folder.newest->position, 8U) << file;
    EXPECT_EQ(folder.warnings.size(), 1U) << file;
  }
}

TEST(Checkpoint, LeavesTheOldOneWhenTheDiskIsFull) {
  const TemporaryFolder run;
  save_checkpoint(run.path(), 8, snapshot_at(8));
  for (const rlim_t room : {0, 100, 5'000}) {
    const FullDisk full(room);
    EXPECT_THROW(save_checkpoint(run.path(), 8, snapshot_at(9)), std::runtime_error) << room << " bytes left";
    EXPECT_THROW(save_checkpoint(run.path(), 16, snapshot_at(16)), std::runtime_error) << room << " bytes left";
  }
  std::vector<std::string> warnings;
  const auto newest = newest_checkpoint(run.path(), warnings);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->position, 8U);
  EXPECT_EQ(load_tensors(newest->folder / "model.safetensors").tensors.at("generator.weight")[0].item<float>(), 8);
  save_checkpoint(run.path(), 16, snapshot_at(16));
  EXPECT_EQ(newest_checkpoint(run.path(), warnings)->position, 16U) << "with room again, saving works again";
}

/// Saves checkpoint after checkpoint, from `position` on, until it is killed.
[[noreturn]] void save_forever(const fs::path& run_dir, uint64_t position) {
  for (;; position += 8) {
    save_checkpoint(run_dir, position, snapshot_at(position));
    prune_checkpoints(run_dir, position, 2);
  }
}

TEST(Checkpoint, SurvivesKillsWhileSaving) {
  const TemporaryFolder run;
  save_checkpoint(run.path(), 8, snapshot_at(8));
  uint64_t last = 8, aside = 0;
  uint64_t idle = 0;  // rounds since something new was sealed: the busier the disk, the longer a child may live
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  // At least 40 kills at random instants; more where that was too soon for a child to seal anything.
  for (uint64_t round = 0; round < 40 || last == 8 || aside == 0; ++round) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << last << " saved, " << aside << " kills within a saving";
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) save_forever(run.path(), last);  // replaces the newest one first
    std::this_thread::sleep_for(
        std::chrono::microseconds(random_below(20'000 * (idle + 1), 1, round, Purpose::kNoise)));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    for (const auto& entry : fs::directory_iterator(run / "positions")) aside += entry.path().extension() == ".partial";

    std::vector<std::string> warnings;
    const auto newest = newest_checkpoint(run.path(), warnings);
    ASSERT_TRUE(newest) << "round " << round;
    EXPECT_TRUE(warnings.empty()) << warnings.front();
    const TensorFile model = load_tensors(newest->folder / "model.safetensors");
    EXPECT_TRUE(model.tensors.at("generator.weight").eq(static_cast<double>(newest->position)).all().item<bool>());
    EXPECT_GE(newest->position, last) << "what was sealed is lost";
    idle = newest->position > last ? 0 : idle + 1;
    last = newest->position;
  }
}

TEST(RunFolder, IsHeldByOneTrainerAlone) {
  const TemporaryFolder run;
  {
    const RunFolder first = open_run_folder(run.path(), Resume::kAuto);
    EXPECT_THROW(open_run_folder(run.path(), Resume::kAuto), std::invalid_argument);
  }
  EXPECT_FALSE(open_run_folder(run.path(), Resume::kAuto).newest);
}

TEST(RunFolder, FollowsTheWayToResume) {
  const TemporaryFolder run;
  EXPECT_THROW(open_run_folder(run.path(), Resume::kMust), std::invalid_argument);
  EXPECT_FALSE(open_run_folder(run.path(), Resume::kNever).newest);
  save_checkpoint(run.path(), 8, snapshot_at(8));
  EXPECT_THROW(open_run_folder(run.path(), Resume::kNever), std::invalid_argument);
  EXPECT_EQ(open_run_folder(run.path(), Resume::kMust).newest->position, 8U);
  EXPECT_EQ(open_run_folder(run.path(), Resume::kAuto).newest->position, 8U);
  damage(checkpoint_folder(run.path(), 8) / "model.safetensors");
  EXPECT_THROW(open_run_folder(run.path(), Resume::kAuto), std::invalid_argument)
      << "a run whose only checkpoint is damaged must not silently begin again";
}

}  // namespace
}  // namespace atelier
