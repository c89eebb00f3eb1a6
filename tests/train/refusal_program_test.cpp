#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "tests/train/program.h"

/// What atelier-train refuses, and warns of, before a step.
namespace atelier {
namespace {

using testing::HasSubstr;

TEST_F(Training, WarnsOfSettingsThatAreForAnotherKindOfModel) {
  std::string log;
  EXPECT_EQ(run(arguments(folder_ / "run", "pix2pix", {{"train.epochs", "1"}, {"model.objective", "flow"}}), &log), 0);
  EXPECT_THAT(log, HasSubstr("model.objective has no effect: it is for model.kind diffusion"));
  EXPECT_EQ(run(arguments(folder_ / "other", "diffusion", {{"train.epochs", "1"}, {"model.objective", "flow"}}), &log),
            0);
  EXPECT_THAT(log, testing::Not(HasSubstr("has no effect")));
}

TEST_F(Training, NamesTheListThatIsMissing) {
  std::string log;
  EXPECT_EQ(run({"--train.run_dir", folder_ / "run"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("data.list is not set"));
  EXPECT_EQ(run({"--data.list", folder_ / "nowhere.csv", "--train.run_dir", folder_ / "run"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("nowhere.csv"));
}

TEST_F(Training, EndsWithTheUsersCodeWhereTheListNamesNothing) {
  std::ofstream list(folder_ / "gone.csv");
  list << "url,label\n";
  for (int row = 0; row < 40; ++row) list << "gone" << row << ".png,chair\n";
  list.close();
  std::string log;
  EXPECT_EQ(run(arguments(folder_ / "run", "diffusion", {{"data.list", folder_ / "gone.csv"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("gone"));
}

TEST_F(Training, RefusesATraceThatItCannotWrite) {
  auto words = arguments(folder_ / "run", "pix2pix");
  words.insert(words.end(), {"--trace", folder_ / "nowhere/trace"});
  std::string log;
  EXPECT_EQ(run(words, &log), 2);
  EXPECT_THAT(log, HasSubstr("nowhere/trace cannot be written"));
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(Training, LeavesATraceAloneThatItHasNothingFor) {
  auto words = arguments(folder_ / "run", "pix2pix", {{"train.epochs", "1"}});
  words.insert(words.end(), {"--trace", folder_ / "run/trace"});
  std::string log;
  ASSERT_EQ(run(words, &log), 0) << log;
  const std::string trace = read_file(folder_ / "run/trace");
  EXPECT_FALSE(trace.empty());
  EXPECT_EQ(run(words, &log), 0);
  EXPECT_THAT(log, HasSubstr("this run is finished"));
  EXPECT_EQ(read_file(folder_ / "run/trace"), trace);
  const auto lock = FileLock::try_acquire(folder_ / "run/lock");
  EXPECT_EQ(run(words, &log), 2);
  EXPECT_EQ(read_file(folder_ / "run/trace"), trace);
}

TEST_F(Training, RefusesToResumeWhatIsNotThereOrNotTheSame) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  EXPECT_EQ(run(arguments(run_dir, "diffusion", {{"train.resume", "must"}}), &log), 2) << log;
  EXPECT_THAT(log, HasSubstr("no checkpoint to resume"));
  ASSERT_EQ(run(arguments(run_dir, "diffusion", {{"train.epochs", "1"}}), &log), 0) << log;
  EXPECT_EQ(run(arguments(run_dir, "diffusion", {{"train.resume", "never"}}), &log), 2) << log;
  EXPECT_EQ(run(arguments(run_dir, "diffusion", {{"seed", "5"}}), &log), 2) << log;
  EXPECT_THAT(log, HasSubstr("seed was 0 and is 5 now"));
}

TEST_F(Training, RefusesAFolderThatItCannotHave) {
  std::string log;
  {
    fs::create_directories(folder_ / "run");
    const auto lock = FileLock::try_acquire(folder_ / "run/lock");
    EXPECT_EQ(run(arguments(folder_ / "run", "pix2pix"), &log), 2);
    EXPECT_THAT(log, HasSubstr("Another atelier-train works in"));
  }
  std::ofstream(folder_ / "file") << "no folder";
  EXPECT_EQ(run(arguments(folder_ / "file/run", "pix2pix"), &log), 2);
  EXPECT_THAT(log, HasSubstr("cannot be made"));
  EXPECT_EQ(read_file(folder_ / "file"), "no folder");
  for (const bool plan : {false, true}) {
    auto words = arguments("", "pix2pix");
    if (plan) words.emplace_back("--plan");
    EXPECT_EQ(run(words, &log), 2);
    EXPECT_THAT(log, HasSubstr("train.run_dir is empty: name a folder"));
    words = arguments(folder_ / "run", "pix2pix", {{"data.cache", (folder_ / "file").string()}});
    if (plan) words.emplace_back("--plan");
    EXPECT_EQ(run(words, &log), 2);
    EXPECT_THAT(log, HasSubstr((folder_ / "file").string()));
  }
  auto words = arguments(folder_ / "file/run", "pix2pix");
  words.emplace_back("--plan");
  EXPECT_EQ(run(words, &log), 2);
  EXPECT_THAT(log, HasSubstr("is no folder"));
}

TEST_F(Training, RefusesToBeginARunAnewWhoseCheckpointsAreGone) {
  const fs::path run_dir = folder_ / "run";
  const auto words = arguments(run_dir, "pix2pix", {{"train.epochs", "2"}});
  std::string log;
  ASSERT_EQ(run(words, &log), 0) << log;
  const std::string metrics = read_file(run_dir / "metrics.jsonl");
  fs::rename(run_dir / "positions", folder_ / "elsewhere");
  EXPECT_EQ(run(words, &log), 2);
  EXPECT_THAT(log, HasSubstr("status.json tells of a checkpoint at position 24, and "));
  EXPECT_EQ(read_file(run_dir / "metrics.jsonl"), metrics);
  fs::remove(run_dir / "status.json");
  EXPECT_EQ(run(words, &log), 0) << log;
}

TEST_F(Training, RefusesARunWithinThePicturesOfItsList) {
  fs::create_directories(folder_ / "pictures/chair");
  for (int row = 0; row < kRows; ++row) {
    const std::string name = fmt::format("{}.png", row);
    fs::copy_file(folder_ / name, folder_ / "pictures/chair" / name);
  }
  for (const char* inside : {"pictures", "pictures/", "pictures/runs/new", "runs/../pictures/chair"}) {
    const auto words = arguments(folder_ / inside, "pix2pix", {{"data.list", (folder_ / "pictures").string()}});
    std::string log;
    EXPECT_EQ(run(words, &log), 2) << inside;
    EXPECT_THAT(log, HasSubstr("lies within the images of data.list"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "pictures/lock"));
  const auto beside = arguments(folder_ / "pictures-run", "pix2pix",
                                {{"data.list", (folder_ / "pictures/").string()}, {"train.epochs", "1"}});
  std::string log;
  EXPECT_EQ(run(beside, &log), 0) << log;
}

TEST_F(Training, LeavesNothingOfARunThatItRefuses) {
  std::string log;
  const auto bad = arguments(folder_ / "run", "diffusion", {{"train.init_from", (folder_ / "nowhere").string()}});
  EXPECT_EQ(run(bad, &log), 2);
  EXPECT_THAT(log, HasSubstr("nowhere"));
  EXPECT_FALSE(fs::exists(folder_ / "run"));
  fs::create_directories(folder_ / "run");
  EXPECT_EQ(run(bad, &log), 2);
  EXPECT_TRUE(fs::exists(folder_ / "run")) << "it was there before";
}

TEST_F(Training, RefusesToBeOneOfManyProcesses) {
  setenv("WORLD_SIZE", "4", 1);
  std::string log;
  EXPECT_EQ(run(arguments(folder_ / "run", "diffusion"), &log), 2);
  unsetenv("WORLD_SIZE");
  EXPECT_THAT(log, HasSubstr("WORLD_SIZE is 4"));
}

TEST_F(Training, RefusesCommandsAndFlagsThatItDoesNotHave) {
  std::string log;
  EXPECT_EQ(run({"verify-resum"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("did you mean verify-resume?"));
  EXPECT_EQ(run({"verify-resume", "--until", "3"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("verify-resume takes no --until"));
  EXPECT_EQ(run({"--until", "0"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("--until takes a whole number from 1 to"));
}

}  // namespace
}  // namespace atelier
