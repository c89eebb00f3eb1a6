#include "train/checkpoint.h"

#include <chrono>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <tuple>
#include <unistd.h>

#include "base/random.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "tests/train/fixtures.h"
#include "train/checkpoint_writer.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

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
  prune_checkpoints(run.path(), 32, {.newest = 2});
  EXPECT_EQ(list_checkpoints(run.path()),
            (std::vector<fs::path>{checkpoint_folder(run.path(), 24), checkpoint_folder(run.path(), 32)}));
  EXPECT_FALSE(fs::exists(run / "positions/000000000040.partial"));
  prune_checkpoints(run.path(), 32, {.newest = 0});
  EXPECT_EQ(list_checkpoints(run.path()).size(), 1U) << "the last one always stays";
}

/// The positions of the checkpoints in `run_dir`.
std::vector<uint64_t> positions_in(const fs::path& run_dir) {
  std::vector<uint64_t> positions;
  for (const fs::path& folder : list_checkpoints(run_dir)) positions.push_back(position_of(folder).value());
  return positions;
}

TEST(Checkpoint, KeepsEveryNthForGoodHoweverOftenTheRunWasStopped) {
  // Steps 1 to 5 of 8 samples, then steps of 4: every third step is at 24, 44 and 56. 20 and 42 are no steps.
  const Keep keep{.newest = 2, .every = 3, .segments = {{0, 0, 8}, {40, 5, 4}}};
  const TemporaryFolder stopped, at_once;
  for (const uint64_t position : {0, 8, 16, 20, 24, 32, 40, 42, 44, 48, 52, 56, 60, 64}) {
    save_checkpoint(stopped.path(), position, snapshot_at(position));
    prune_checkpoints(stopped.path(), position, keep);
    save_checkpoint(at_once.path(), position, snapshot_at(position));
  }
  prune_checkpoints(at_once.path(), 64, keep);
  EXPECT_EQ(positions_in(stopped.path()), (std::vector<uint64_t>{24, 44, 56, 60, 64}));
  EXPECT_EQ(positions_in(at_once.path()), positions_in(stopped.path()));
}

TEST(Checkpoint, CountsTheNthByTheSettingsOfTheRun) {
  Config config = small_config();
  config.train.keep_checkpoints = 5;
  config.train.checkpoint_every = 2;
  config.train.steps_per_epoch = 10;
  EXPECT_EQ(keep_of(config.train, Clock(4, 100)).every, 0U) << "none unless it is asked for";
  config.train.keep_every = 3;
  const Keep keep = keep_of(config.train, Clock(4, 100));
  EXPECT_EQ(keep.newest, 5);
  EXPECT_EQ(keep.every, 60U) << "steps";
  EXPECT_EQ(keep.segments, (std::vector<Segment>{{0, 0, 4}}));
}

TEST(Checkpoint, NeedsRoomForTwoBesideThoseThatStay) {
  const TemporaryFolder run;
  const auto refusal = [&](uint64_t position, const Keep& keep, uint64_t bytes) -> std::string {
    try {
      make_sure_of_room(run.path(), position, keep, bytes);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  const uint64_t free = fs::space(run.path()).available;
  const fs::path left_behind = run / "positions" / "000000000008.partial";
  fs::create_directories(left_behind);
  EXPECT_EQ(refusal(0, {}, free / 4), "");
  EXPECT_FALSE(fs::exists(left_behind)) << "of a saving that was killed";
  const std::string said = refusal(0, {}, free);
  EXPECT_THAT(said, testing::HasSubstr("no room for two more checkpoints"));
  EXPECT_THAT(said, testing::HasSubstr(fmt::format("{} bytes are needed", 2 * free)));
  // Of files with a hole, so that they count and take no room: what goes with the next checkpoint is as good as free.
  for (const uint64_t position : {8, 16, 24}) {
    save_checkpoint(run.path(), position, snapshot_at(position));
    fs::resize_file(checkpoint_folder(run.path(), position) / "model.safetensors", free);
  }
  EXPECT_EQ(refusal(24, {.newest = 3}, free - free / 10), "") << "the oldest one goes";
  EXPECT_NE(refusal(24, {.newest = 4}, free - free / 10), "") << "none goes";
  EXPECT_NE(refusal(24, {.newest = 3, .every = 1, .segments = {{0, 0, 8}}}, free - free / 10), "")
      << "all are for good";
}

TEST(Checkpoint, TakesAboutAsMuchRoomAsIsReckoned) {
  const TemporaryFolder run;
  const Snapshot snapshot = snapshot_at(8, 100'000);
  save_checkpoint(run.path(), 8, snapshot);
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(checkpoint_folder(run.path(), 8))) bytes += entry.file_size();
  EXPECT_LE(bytes, checkpoint_bytes(snapshot));
  EXPECT_GE(bytes + 100'000, checkpoint_bytes(snapshot));
}

TEST(Checkpoint, SaysInItsFilesWhichWeightsTheyAre) {
  const TemporaryFolder run;
  Snapshot snapshot = snapshot_at(320);
  snapshot.average = snapshot_at(2).average;
  snapshot.long_average = snapshot_at(3).long_average;
  save_checkpoint(run.path(), 320, snapshot);
  using File = std::tuple<const char*, const char*, double>;
  for (const auto& [name, weights, number] :
       {File("model.safetensors", "raw", 320), File("ema.safetensors", "average", 2),
        File("ema-long.safetensors", "average", 3)}) {
    const auto [tensors, metadata] = load_tensors(checkpoint_folder(run.path(), 320) / name);
    EXPECT_EQ(metadata.at("atelier.weights"), weights);
    EXPECT_EQ(metadata.at("atelier.position"), "320");
    EXPECT_EQ(tensors.at("generator.weight")[0].item<float>(), number) << name;
  }
}

TEST(Checkpoint, KeepsTheOneJustSavedBeforeADamagedOne) {
  const TemporaryFolder run;
  for (const uint64_t position : {12, 24}) save_checkpoint(run.path(), position, snapshot_at(position));
  damage(checkpoint_folder(run.path(), 24) / "model.safetensors");
  save_checkpoint(run.path(), 16, snapshot_at(16));  // a run that went on from 12 and was stopped
  prune_checkpoints(run.path(), 16, {.newest = 1});
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
  CheckpointWriter writer(run_dir, {.newest = 2}, snapshot_at(position));
  for (;; position += 8) writer.save(position, snapshot_at(position));
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

TEST(RunFolder, GoesAgainWhenNothingWasLeftInIt) {
  const TemporaryFolder above;
  const auto path = above.path() / "runs" / "chairs";
  {
    const RunFolder folder = open_run_folder(path, Resume::kAuto);
    EXPECT_TRUE(std::filesystem::exists(path / "lock"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    const RunFolder folder = open_run_folder(path, Resume::kAuto);
    publish_file(path / "config.yaml", "seed: 1\n");
  }
  EXPECT_EQ(read_file(path / "config.yaml"), "seed: 1\n");
  { const RunFolder again = open_run_folder(path, Resume::kAuto); }
  EXPECT_TRUE(std::filesystem::exists(path / "lock")) << "of a folder that was there before, nothing is removed";
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
