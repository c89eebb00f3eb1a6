#include <bit>
#include <chrono>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/files.h"
#include "images/encode.h"
#include "models/checkpoint.h"
#include "tests/train/training_program.h"

namespace atelier {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class TrainingOfEachKind : public Training, public testing::WithParamInterface<std::string> {};

TEST_P(TrainingOfEachKind, EndsInTheSameBytesHoweverOftenItIsStopped) {
  const fs::path straight = folder_ / "straight", stopped = folder_ / "stopped";
  // Four legs: Ctrl-C, kill -9, and twice Ctrl-C. A leg ends at any step; the next one is a new process.
  for (const int signal : {SIGINT, SIGKILL, SIGINT, SIGINT}) {
    Process leg(arguments(stopped, GetParam()), folder_ / "log");
    ASSERT_TRUE(wait_for_checkpoints(leg, stopped, list_checkpoints(stopped).size() + 2)) << leg.log();
    leg.send(signal);
    ASSERT_EQ(leg.wait(), signal == SIGINT ? 130 : -SIGKILL) << leg.log();
  }
  // One leg that saves at the last end of an epoch that those four came to, and at all before.
  auto reached = list_checkpoints(stopped);
  while (verify_checkpoint(reached.back()).position % kEpoch != 0) reached.pop_back();
  Process whole(arguments(straight, GetParam()), folder_ / "log");
  while (whole.running() && !fs::exists(straight / "positions" / reached.back().filename()))
    std::this_thread::sleep_for(5ms);
  whole.send(SIGINT);
  ASSERT_EQ(whole.wait(), 130) << whole.log();

  size_t compared = 0;
  for (const fs::path& checkpoint : list_checkpoints(stopped)) {
    const fs::path same = straight / "positions" / checkpoint.filename();
    if (!fs::exists(same)) continue;  // saved by a Ctrl-C inside an epoch
    for (const char* name : {"model.safetensors", "ema.safetensors", "optimizer.safetensors", "verdicts.jsonl"})
      EXPECT_EQ(sha256_file(checkpoint / name), sha256_file(same / name)) << checkpoint << " " << name;
    ++compared;
  }
  EXPECT_GE(compared, 6U);
}

TEST_P(TrainingOfEachKind, FinishesShowsWhatItDidAndIsThenDone) {
  const fs::path run_dir = folder_ / "run";
  const auto short_run =
      arguments(run_dir, GetParam(), {{"train.epochs", "2"}, {"train.sample_every", "1"}, {"train.precision", "auto"}});
  std::string log;
  ASSERT_EQ(run(short_run, &log), 0) << log;
  EXPECT_THAT(log, testing::AllOf(HasSubstr("device cpu, 1 threads, precision"),
                                  HasSubstr("model " + GetParam() + " at 16 pixels"), HasSubstr("2 labels"),
                                  HasSubstr("held-out samples"), HasSubstr("epoch 2/2  step 6")));
  for (const char* name : {"config.yaml", "metrics.jsonl", "status.json", "verdicts.jsonl", "samples/000000000012.png",
                           "samples/000000000024.png", "positions/000000000024/state.json"})
    EXPECT_TRUE(fs::exists(run_dir / name)) << name;
  EXPECT_EQ(nlohmann::json::parse(read_file(run_dir / "status.json"))["state"], "finished");
  ASSERT_EQ(run(short_run, &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("finished"));
}

TEST_P(TrainingOfEachKind, TakesBatchesOfSeveralShapesAndGoesOnInSmallerOnes) {
  std::ofstream list(folder_ / "shapes.csv");
  list << "url,width,height\n";
  for (int row = 0; row < 80; ++row) list << row % kRows << ".png," << (row < 40 ? "48,24\n" : "24,24\n");
  list.close();
  const fs::path run_dir = folder_ / "run";
  const auto shapes = [&](const std::string& epochs, const std::string& batch) {
    auto start = arguments(run_dir, GetParam(),
                           {{"data.list", folder_ / "shapes.csv"},
                            {"data.shapes", "buckets"},
                            {"data.held_out", "0"},
                            {"train.epochs", epochs},
                            {"train.batch_size", batch}});
    start.emplace_back("--accept-changes");
    return start;
  };
  Process leg(shapes("2000", "4"), folder_ / "log");
  ASSERT_TRUE(wait_for_checkpoints(leg, run_dir, 4)) << leg.log();
  leg.send(SIGINT);
  ASSERT_EQ(leg.wait(), 130) << leg.log();
  EXPECT_THAT(leg.log(), HasSubstr("shapes, width x height: 16 x 16 (40 rows), 24 x 12 (40 rows)"));
  std::string log;
  EXPECT_EQ(run(shapes("2000", "3"), &log), 2);
  EXPECT_THAT(log, HasSubstr("a batch of 3 does not divide the 4 positions that share a shape"));
  Process rest(shapes("2000", "2"), folder_ / "log");
  const size_t before = list_checkpoints(run_dir).size();
  ASSERT_TRUE(wait_for_checkpoints(rest, run_dir, before + 2)) << rest.log();
  rest.send(SIGINT);
  EXPECT_EQ(rest.wait(), 130) << rest.log();
}

TEST_F(Training, NamesTheListThatIsMissing) {
  std::string log;
  EXPECT_EQ(run({"--train.run_dir", folder_ / "run"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("data.list is not set"));
  EXPECT_EQ(run({"--data.list", folder_ / "nowhere.csv", "--train.run_dir", folder_ / "run"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("nowhere.csv"));
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

TEST_F(Training, RefusesToBeOneOfManyProcesses) {
  setenv("WORLD_SIZE", "4", 1);
  std::string log;
  EXPECT_EQ(run(arguments(folder_ / "run", "diffusion"), &log), 2);
  unsetenv("WORLD_SIZE");
  EXPECT_THAT(log, HasSubstr("WORLD_SIZE is 4"));
}

TEST_F(Training, SaysThatItFailedWhenItDiverges) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  EXPECT_EQ(run(arguments(run_dir, "diffusion",
                          {{"train.learning_rate", "1"},
                           {"train.warmup", "0"},
                           {"train.precision", "float16"},
                           {"train.steps_per_epoch", "1000"}}),
                &log),
            1);
  EXPECT_THAT(log, HasSubstr("Training has diverged"));
  EXPECT_EQ(nlohmann::json::parse(read_file(run_dir / "status.json"))["state"], "failed");
  EXPECT_TRUE(list_checkpoints(run_dir).empty()) << "what diverged is not saved";
}

TEST_F(Training, TakesAShortStepWithTheDiffusionPreset) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  ASSERT_EQ(run({"--config", "furniture-32", "--data.list", folder_ / "list.csv", "--data.threads", "1",
                 "--train.epochs", "1", "--train.steps_per_epoch", "2", "--train.batch_size", "2", "--train.device",
                 "cpu", "--train.threads", "1", "--train.run_dir", run_dir},
                &log),
            0)
      << log;
  std::istringstream metrics(read_file(run_dir / "metrics.jsonl"));
  std::string first;
  std::getline(metrics, first);
  const auto line = nlohmann::json::parse(first);
  EXPECT_EQ(line["steps"], 2);
  ASSERT_TRUE(line["loss"]["denoiser"].is_number()) << first << " (JSON has no number that is not finite)";
  EXPECT_GT(line["loss"]["denoiser"], 0);
}

TEST_P(TrainingOfEachKind, StopsAfterAStepAndGoesOn) {
  const fs::path run_dir = folder_ / "run";
  auto some_steps = arguments(run_dir, GetParam());
  some_steps.insert(some_steps.end(), {"--until", "5"});
  std::string log;
  ASSERT_EQ(run(some_steps, &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("stopped as asked and saved at position 20"));
  EXPECT_EQ(verify_checkpoint(list_checkpoints(run_dir).back()).position, 20U);
  some_steps.back() = "7";
  ASSERT_EQ(run(some_steps, &log), 0) << log;
  EXPECT_EQ(verify_checkpoint(list_checkpoints(run_dir).back()).position, 28U);
}

TEST_P(TrainingOfEachKind, ProvesThatAResumedRunIsTheSame) {
  const fs::path run_dir = folder_ / "run";
  auto verify = arguments(run_dir, GetParam());
  verify.insert(verify.begin(), "verify-resume");
  verify.insert(verify.end(), {"--steps", "7", "--legs", "3"});
  std::string log, said;
  ASSERT_EQ(run(verify, &log, &said), 0) << log;
  EXPECT_EQ(said, "the same run: 7 steps straight and in 3 legs, every entry, loss and tensor bit for bit\n");
  EXPECT_FALSE(fs::exists(run_dir)) << "the run itself is not begun";
  EXPECT_FALSE(fs::exists(folder_ / "run.verify-resume")) << "nothing is left when there is nothing to look at";
}

TEST_F(Training, SaysWhereAResumedRunParts) {
  const fs::path run_dir = folder_ / "run";
  auto verify = arguments(run_dir, "diffusion", {{"data.shuffle", "none"}, {"data.held_out", "0"}});
  verify.insert(verify.begin(), "verify-resume");
  verify.insert(verify.end(), {"--steps", "4"});
  Process process(verify, folder_ / "log", folder_ / "said");
  while (process.running() && !fs::exists(folder_ / "run.verify-resume/resumed")) std::this_thread::sleep_for(1ms);
  const auto other = encode_png(picture(0));  // at a later step: row 9 is seen by step 3
  std::ofstream(folder_ / "9.png", std::ios::binary)
      .write(std::bit_cast<const char*>(other.data()), static_cast<std::streamsize>(other.size()));
  ASSERT_EQ(process.wait(), 1) << process.log();
  const std::string said = read_file(folder_ / "said");
  EXPECT_THAT(said, HasSubstr("the pixels part at step 3, of the same entries"));
  EXPECT_THAT(said, HasSubstr("the numbers part at step 3: the loss of denoiser is"));
  EXPECT_THAT(said, HasSubstr("model.safetensors: "));
  EXPECT_THAT(process.log(), HasSubstr("both are left in"));
  EXPECT_TRUE(fs::exists(folder_ / "run.verify-resume/straight"));
}

TEST_F(Training, RefusesCommandsAndFlagsThatItDoesNotHave) {
  std::string log;
  EXPECT_EQ(run({"verify-resum"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("did you mean verify-resume?"));
  EXPECT_EQ(run({"verify-resume", "--until", "3"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("verify-resume does not take --until"));
  EXPECT_EQ(run({"--until", "0"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("--until takes a whole number from 1 on"));
}

TEST_F(Training, FallsBackToAnOlderCheckpointWithAWarning) {
  const fs::path run_dir = folder_ / "run";
  const auto two_epochs = arguments(run_dir, "diffusion", {{"train.epochs", "2"}});
  std::string log;
  ASSERT_EQ(run(two_epochs, &log), 0) << log;
  const fs::path weights = run_dir / "positions/000000000024/model.safetensors";
  const std::string good = read_file(weights);
  fs::resize_file(weights, good.size() - 1);
  ASSERT_EQ(run(two_epochs, &log), 0) << log;
  EXPECT_THAT(log,
              testing::AllOf(HasSubstr("warning"), HasSubstr("damaged"), HasSubstr("goes on at position 12 of 24")));
  EXPECT_EQ(read_file(weights), good) << "the same bytes again";
}

INSTANTIATE_TEST_SUITE_P(Kinds, TrainingOfEachKind, testing::Values("diffusion", "pix2pix"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace atelier
