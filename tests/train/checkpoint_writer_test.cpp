#include "train/checkpoint_writer.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <thread>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "tests/train/fixtures.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Every number of the checkpoint at `position`, which must be one number.
double number_in(const fs::path& run_dir, uint64_t position) {
  const Checkpoint checkpoint = verify_checkpoint(checkpoint_folder(run_dir, position));
  std::optional<double> number;
  for (const char* name : {"model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors"})
    for (const auto& [key, tensor] : load_tensors(checkpoint.folder / name).tensors) {
      if (!number) number = tensor[0].item<double>();
      EXPECT_TRUE(tensor.eq(*number).all().item<bool>()) << name << " " << key;
    }
  return number.value();
}

TEST(CheckpointWriter, SavesWhatTheTensorsWereWhenItWasAsked) {
  const TemporaryFolder run;
  const Snapshot live = snapshot_at(8, 3'000'000);  // so large that the training goes on long before it is written
  CheckpointWriter writer(run.path(), {.newest = 3}, live);
  EXPECT_FALSE(writer.save(8, live));
  for (const auto* tensors : {&live.model, &live.average, &live.long_average, &live.optimizer})
    for (const auto& [name, tensor] : *tensors) tensor.fill_(-1.0);
  EXPECT_FALSE(writer.wait());
  EXPECT_EQ(writer.saved(), 8U);
  EXPECT_EQ(number_in(run.path(), 8), 8);
}

TEST(CheckpointWriter, SavesOneAfterTheOtherAndPrunes) {
  const TemporaryFolder run;
  CheckpointWriter writer(run.path(), {.newest = 2}, snapshot_at(0));
  for (const uint64_t position : {8, 16, 24, 32}) {
    Snapshot live = snapshot_at(position);
    live.verdicts = std::to_string(position);
    EXPECT_FALSE(writer.save(position, live));
  }
  EXPECT_FALSE(writer.wait());
  EXPECT_EQ(list_checkpoints(run.path()),
            (std::vector<fs::path>{checkpoint_folder(run.path(), 24), checkpoint_folder(run.path(), 32)}));
  EXPECT_EQ(number_in(run.path(), 24), 24);
  EXPECT_EQ(number_in(run.path(), 32), 32);
  EXPECT_EQ(read_file(run / "verdicts.jsonl"), "32");
}

TEST(CheckpointWriter, LeavesWhatIsThereWhereItIsNotToPrune) {
  const TemporaryFolder run;
  CheckpointWriter writer(run.path(), {.newest = 1}, snapshot_at(0));
  for (const uint64_t position : {8, 16, 24})
    EXPECT_FALSE(writer.save(position, snapshot_at(position), {.prune = false}));
  EXPECT_FALSE(writer.wait());
  EXPECT_EQ(list_checkpoints(run.path()).size(), 3U);
  EXPECT_FALSE(writer.save(32, snapshot_at(32)));
  EXPECT_FALSE(writer.wait());
  EXPECT_EQ(list_checkpoints(run.path()), std::vector<fs::path>{checkpoint_folder(run.path(), 32)});
}

TEST(CheckpointWriter, EndsItsSaveBeforeItGoes) {
  const TemporaryFolder run;
  {
    CheckpointWriter writer(run.path(), {}, snapshot_at(8, 1'000'000));
    writer.save(8, snapshot_at(8, 1'000'000));
  }
  EXPECT_EQ(number_in(run.path(), 8), 8);
}

TEST(CheckpointWriter, SaysOnceThatTheDiskWasFullAndGoesOn) {
  const TemporaryFolder run;
  CheckpointWriter writer(run.path(), {.newest = 1}, snapshot_at(8));
  writer.save(8, snapshot_at(8));
  EXPECT_FALSE(writer.wait());
  {
    const FullDisk full(5'000);
    EXPECT_FALSE(writer.save(16, snapshot_at(16))) << "the one before was good";
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::optional<std::string> failure;
    while (!(failure = writer.poll()) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(failure);
    EXPECT_THAT(*failure, HasSubstr("position 16 could not be saved"));
    EXPECT_THAT(*failure, HasSubstr("model.safetensors"));
    EXPECT_THAT(*failure, HasSubstr("older ones are as they were"));
    EXPECT_FALSE(writer.poll());
    EXPECT_FALSE(writer.wait());
    EXPECT_EQ(writer.saved(), 8U);
    EXPECT_EQ(number_in(run.path(), 8), 8);
    writer.save(24, snapshot_at(24));
    EXPECT_THAT(writer.save(32, snapshot_at(32)).value_or(""), HasSubstr("position 24")) << "told by the next save";
    EXPECT_THAT(writer.wait().value_or(""), HasSubstr("position 32"));
  }
  EXPECT_FALSE(writer.save(40, snapshot_at(40)));
  EXPECT_FALSE(writer.wait());
  EXPECT_EQ(writer.saved(), 40U);
  EXPECT_EQ(list_checkpoints(run.path()), std::vector<fs::path>{checkpoint_folder(run.path(), 40)});
}

TEST(CheckpointWriter, TellsWhatFailedBehindThePublishedCheckpoint) {
  const TemporaryFolder run;
  fs::create_directories(run / "verdicts.jsonl");  // no file can be renamed to it
  CheckpointWriter writer(run.path(), {}, snapshot_at(8));
  writer.save(8, snapshot_at(8));
  EXPECT_THAT(writer.wait().value_or(""), HasSubstr("position 8 is saved, but"));
  EXPECT_EQ(writer.saved(), 8U);
}

TEST(CheckpointWriter, RefusesAnotherModelsSnapshot) {
  const TemporaryFolder run;
  CheckpointWriter writer(run.path(), {}, snapshot_at(8));
  Snapshot other = snapshot_at(8);
  other.model["generator.bias"] = torch::zeros({1});
  EXPECT_THROW(writer.save(8, other), std::logic_error);
  EXPECT_THROW(writer.save(8, snapshot_at(8, 3)), std::logic_error);
  other.model.clear();
  EXPECT_THROW(writer.save(8, other), std::logic_error);
}

}  // namespace
}  // namespace atelier
