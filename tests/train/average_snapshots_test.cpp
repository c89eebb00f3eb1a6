#include "train/average_snapshots.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/train/fixtures.h"
#include "train/average.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<uint64_t> due_positions(Clock clock, int64_t count) {
  std::vector<uint64_t> due;
  while (!clock.finished()) {
    clock.advance();
    if (average_snapshot_due(clock, count)) due.push_back(clock.position());
  }
  return due;
}

TEST(AverageSnapshots, AreDueWhereAStepReachesTheNextPartOfTheRun) {
  EXPECT_THAT(due_positions(Clock(7, 100), 4), ElementsAre(28, 56, 77, 105)) << "25, 50, 75, and the end";
  EXPECT_THAT(due_positions(Clock(40, 100), 8), ElementsAre(40, 80, 120)) << "at most one a step";
  EXPECT_THAT(due_positions(Clock(7, 100), 0), ElementsAre());
  EXPECT_THAT(due_positions(Clock(1ULL << 50, 1ULL << 52), 2), ElementsAre(1ULL << 51, 1ULL << 52));
}

class SnapshotsOnDisk : public testing::Test {
 protected:
  void write(uint64_t position) const {
    const auto tensor = torch::full({1000}, static_cast<double>(position), torch::kFloat32);
    write_average_snapshot(run_.path(), position, ModelSpec(), {{"generator.weight", tensor}},
                           {{"generator.weight", 2 * tensor}});
  }
  std::vector<uint64_t> positions() {
    std::vector<uint64_t> found;
    for (const KeptAverage& average : list_kept_averages(
             run_.path(), [](double) {}, warnings_))
      found.push_back(average.position);
    return found;
  }

  TemporaryFolder run_;
  std::vector<std::string> warnings_;
};

TEST_F(SnapshotsOnDisk, AreFoundByPositionWithTheLengthsTheyWereKeptAt) {
  for (const uint64_t position : {200, 100}) write(position);
  const auto kept = list_kept_averages(
      run_.path(), [](double) {}, warnings_);
  ASSERT_EQ(kept.size(), 4U);
  EXPECT_EQ(kept[1].position, 100U);
  EXPECT_NEAR(kept[2].exponent, 16.97, 0.01);
  EXPECT_NEAR(kept[3].exponent, 6.94, 0.01);
  EXPECT_EQ(kept[3].file, run_ / "averages/000000000200/ema-long.safetensors");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(SnapshotsOnDisk, ArePassedOverWhenDamaged) {
  for (const uint64_t position : {100, 200, 300, 400}) write(position);
  std::fstream(run_ / "averages/000000000200/ema.safetensors", std::ios::in | std::ios::out | std::ios::binary)
      .seekp(500)
      .put('\x55');
  fs::remove(run_ / "averages/000000000300/ema-long.safetensors");
  EXPECT_THAT(positions(), ElementsAre(100, 100, 400, 400));
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("ema.safetensors is damaged"), HasSubstr("ema-long.safetensors is missing")));
}

TEST_F(SnapshotsOnDisk, AreCutWhereTheRunGoesOn) {
  cut_average_snapshots(run_.path(), 0);  // a run without any
  for (const uint64_t position : {100, 200, 300}) write(position);
  fs::create_directories(run_ / "averages/000000000100.partial");
  std::ofstream(run_ / "averages/length-0.08-000000000300.safetensors") << "a user's";
  cut_average_snapshots(run_.path(), 200);
  EXPECT_THAT(positions(), ElementsAre(100, 100, 200, 200));
  EXPECT_FALSE(fs::exists(run_ / "averages/000000000100.partial"));
  EXPECT_TRUE(fs::exists(run_ / "averages/length-0.08-000000000300.safetensors"));
}

TEST_F(SnapshotsOnDisk, AreWholeOrNotThereWhenTheDiskIsFull) {
  write(100);
  for (const rlim_t room : {0, 100, 4'100}) {
    const FullDisk full(room);
    EXPECT_THROW(write(100), std::runtime_error) << room << " bytes left";
    EXPECT_THROW(write(200), std::runtime_error) << room << " bytes left";
  }
  EXPECT_THAT(positions(), ElementsAre(100, 100));
  EXPECT_TRUE(warnings_.empty());
}

}  // namespace
}  // namespace atelier
