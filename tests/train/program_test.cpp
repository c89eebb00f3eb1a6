#include "tests/train/program.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sstream>
#include <thread>

#include "base/files.h"
#include "images/encode.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"
#include "tests/data/s3_fixture.h"
#include "tests/support/loopback_server.h"

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
    for (const char* name :
         {"model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors", "verdicts.jsonl"})
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
  EXPECT_THAT(
      log, testing::AllOf(HasSubstr("device cpu, 1 threads, precision"),
                          HasSubstr("model " + GetParam() + " at 16 pixels"), HasSubstr("2 labels"),
                          HasSubstr("held-out samples"), HasSubstr("epoch 2/2  step 6"), HasSubstr(" is the limit: ")));
  for (const char* name : {"config.yaml", "metrics.jsonl", "status.json", "verdicts.jsonl", "samples/000000000012.png",
                           "samples/000000000024.png", "positions/000000000024/state.json"})
    EXPECT_TRUE(fs::exists(run_dir / name)) << name;
  EXPECT_EQ(nlohmann::json::parse(read_file(run_dir / "status.json"))["state"], "finished");
  std::istringstream metrics(read_file(run_dir / "metrics.jsonl"));
  size_t times = 0;
  for (std::string line; std::getline(metrics, line);)
    if (const auto entry = nlohmann::json::parse(line); entry["kind"] == "time") {
      ++times;
      for (const char* phase : {"wait", "copy", "forward", "backward", "optimizer", "averages", "other"})
        EXPECT_GT(entry["seconds"][phase]["mean"], 0) << phase;
    }
  EXPECT_EQ(times, 2U) << "one an epoch";
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

TEST_F(Training, SavesWhatItHasTrainedWhenTheStreamFails) {
  const auto has_trained = [&] {
    std::error_code not_there;
    const uintmax_t size = fs::file_size(folder_ / "run/losses.jsonl", not_there);
    return !not_there && size > 0;
  };
  const test::LoopbackServer server([&](const test::HttpRequest& request, test::HttpReply& reply) {
    if (has_trained()) return static_cast<void>(reply.send_answer(400, "<Error><Code>ExpiredToken</Code></Error>"));
    reply.send_answer(200, read_file(folder_ / request.path.substr(std::string("/b/").size())));
  });
  std::ofstream list(folder_ / "s3.csv");
  list << "url,label\n";
  for (int row = 0; row < kRows; ++row) list << "s3://b/" << row << ".png,chair\n";
  list.close();
  test::AwsEnvironment aws;
  aws.set_keys("AKID", "secret");
  aws.set("AWS_ENDPOINT_URL", server.url(""));
  std::string log;
  EXPECT_EQ(run(arguments(folder_ / "run", "diffusion",
                          {{"data.list", folder_ / "s3.csv"},
                           {"data.allow_private", "true"},
                           {"data.head", "never"},
                           {"train.log_losses", "true"},
                           {"train.checkpoint_every", "1000"}}),
                &log),
            2);
  EXPECT_THAT(log, HasSubstr("the session has ended"));
  const auto saved = list_checkpoints(folder_ / "run");
  ASSERT_EQ(saved.size(), 1U) << log;
  EXPECT_GT(verify_checkpoint(saved[0]).position, 0U);
}

TEST_F(Training, SaysAtItsEndWhatWasReplaced) {
  fs::remove(folder_ / "3.png");
  std::string log;
  ASSERT_EQ(run(arguments(folder_ / "run", "diffusion", {{"train.epochs", "4"}, {"data.max_failure_rate", "1"}}), &log),
            0)
      << log;
  EXPECT_THAT(log, testing::ContainsRegex("[1-9][0-9]* of 48 samples were replaced by others, since their images could "
                                          "not be had \\(.* [1-9]\\); verdicts.jsonl names them"));
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
            2);
  EXPECT_THAT(log, HasSubstr("Training has diverged"));
  EXPECT_EQ(nlohmann::json::parse(read_file(run_dir / "status.json"))["state"], "failed");
  EXPECT_TRUE(list_checkpoints(run_dir).empty()) << "what diverged is not saved";
}

/// Multiplies a weight in a checkpoint and seals it again: what a run that went wrong might have saved.
void damage_weight(const fs::path& checkpoint, const std::string& name, double factor) {
  nlohmann::json state = verify_checkpoint(checkpoint).state;
  TensorFile model = load_tensors(checkpoint / "model.safetensors");
  model.tensors.at(name).mul_(factor);
  save_tensors(checkpoint / "model.safetensors", model);
  state["files"]["model.safetensors"] = sha256_file(checkpoint / "model.safetensors");
  state.erase("seal");
  publish_file(checkpoint / "state.json", seal_state(state));
  verify_checkpoint(checkpoint);
}

/// The rows that each step of a trace took.
std::vector<nlohmann::json> entries_of(const fs::path& trace) {
  std::istringstream text(read_file(trace));
  std::vector<nlohmann::json> entries;
  for (std::string line; std::getline(text, line);) entries.push_back(nlohmann::json::parse(line)["entries"]);
  return entries;
}

TEST_P(TrainingOfEachKind, RecordsWhatWasNotFiniteAndGivesUpInTheEnd) {
  const bool diffusion = GetParam() == "diffusion";
  const std::string player = diffusion ? "denoiser" : "generator";
  const std::string module = player + (diffusion ? ".middle.0.conv1" : ".decoder.0.conv");
  const fs::path healthy = folder_ / "healthy", damaged = folder_ / "damaged";
  const auto leg = [&](const fs::path& run_dir, const std::string& until, const std::string& kept = "1000") {
    auto all = arguments(run_dir, GetParam(), {{"train.precision", "float16"}, {"train.keep_checkpoints", kept}});
    all.insert(all.end(), {"--until", until, "--trace", folder_ / (run_dir.filename().string() + ".trace")});
    return all;
  };
  std::string log;
  ASSERT_EQ(run(leg(healthy, "3"), &log), 0) << log;
  fs::copy(healthy, damaged, fs::copy_options::recursive);
  damage_weight(list_checkpoints(damaged).back(), module + ".weight", 5e5);
  ASSERT_EQ(run(leg(healthy, "9"), &log), 0) << log;
  ASSERT_EQ(run(leg(damaged, "9"), &log), 0) << log;
  EXPECT_THAT(log, testing::AllOf(HasSubstr("warning: step 4: the loss of the "), HasSubstr("It began in " + module),
                                  HasSubstr("), forward."), HasSubstr("damaged/faults.jsonl has the batch")));
  EXPECT_EQ(entries_of(folder_ / "damaged.trace"), entries_of(folder_ / "healthy.trace")) << "the order stays";
  EXPECT_FALSE(fs::exists(healthy / "faults.jsonl"));

  std::istringstream faults(read_file(damaged / "faults.jsonl"));
  std::string first;
  std::getline(faults, first);
  const auto line = nlohmann::json::parse(first);
  EXPECT_EQ(line["step"], 4);
  EXPECT_EQ(line["replay"], "reproduced");
  EXPECT_EQ(line["module"], module);
  ASSERT_EQ(line["samples"].size(), 4U);
  for (size_t n = 0; n < 4; ++n) {
    EXPECT_EQ(line["samples"][n]["position"], 12 + n);
    const auto row = line["samples"][n]["entry"].get<int>();
    EXPECT_EQ(line["samples"][n]["url"], (folder_ / (std::to_string(row) + ".png")).string());
  }

  EXPECT_EQ(run(leg(damaged, "1000", "1"), &log), 2);
  EXPECT_THAT(log, testing::AllOf(HasSubstr("Training has diverged: loss or gradients were not finite in 101 steps"),
                                  HasSubstr("damaged/faults.jsonl says where"), testing::Not(HasSubstr("It began"))))
      << "the row began in the leg before";
  EXPECT_EQ(position_of(list_checkpoints(damaged).front()), 12U) << "what to go back to is not pruned";
  EXPECT_EQ(nlohmann::json::parse(read_file(damaged / "status.json"))["state"], "failed");
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
  const auto state = list_checkpoints(run_dir).back() / "state.json";
  const auto written = fs::last_write_time(state);
  ASSERT_EQ(run(some_steps, &log), 0) << log;
  EXPECT_EQ(fs::last_write_time(state), written) << "what is saved is not saved again";
  some_steps.back() = "7";
  ASSERT_EQ(run(some_steps, &log), 0) << log;
  EXPECT_EQ(verify_checkpoint(list_checkpoints(run_dir).back()).position, 28U);
}

TEST_P(TrainingOfEachKind, ProvesThatAResumedRunIsTheSame) {
  const fs::path run_dir = folder_ / "run";
  auto verify = arguments(run_dir, GetParam());
  verify.insert(verify.begin(), "verify-resume");
  verify.insert(verify.end(), {"--steps", "7", "--legs", "3"});
  for (std::string& word : verify)
    if (word == run_dir) word += "/";
  std::string log, said;
  ASSERT_EQ(run(verify, &log, &said), 0) << log;
  EXPECT_EQ(said, "the same run: 7 steps straight and in 3 legs, every entry, loss and tensor bit for bit\n");
  EXPECT_FALSE(fs::exists(run_dir)) << "the run itself is not begun";
  EXPECT_FALSE(fs::exists(folder_ / "run.verify-resume")) << "nothing is left when there is nothing to look at";
}

TEST_F(Training, VerifiesOnlyWhatARunCanDo) {
  const auto refusal = [&](Settings settings, const std::vector<std::string>& flags) {
    auto verify = arguments(folder_ / "run", "pix2pix", std::move(settings));
    verify.insert(verify.begin(), "verify-resume");
    verify.insert(verify.end(), flags.begin(), flags.end());
    std::string log;
    EXPECT_EQ(run(verify, &log), 2) << log;
    EXPECT_FALSE(fs::exists(folder_ / "run.verify-resume"));
    return log;
  };
  EXPECT_THAT(refusal({{"train.epochs", "2"}}, {"--steps", "7"}),
              HasSubstr("--steps takes a whole number from 2 to 6"));
  EXPECT_THAT(refusal({}, {"--steps", "4", "--legs", "5"}), HasSubstr("--legs takes a whole number from 2 to 4"));
  EXPECT_THAT(refusal({{"train.epochs", "1"}, {"train.steps_per_epoch", "1"}}, {}), HasSubstr("cannot be resumed"));
  EXPECT_THAT(refusal({{"data.list", folder_ / "none.csv"}}, {}), HasSubstr("none.csv"));
  std::ofstream(folder_ / "file") << "no folder";
  auto nowhere = arguments(folder_ / "file/run", "pix2pix");
  nowhere.insert(nowhere.begin(), "verify-resume");
  std::string log;
  EXPECT_EQ(run(nowhere, &log), 2);
  EXPECT_THAT(log, HasSubstr("cannot be made"));
}

TEST_P(TrainingOfEachKind, KeepsAveragesThatMakeOnesOfAnotherLength) {
  const fs::path straight = folder_ / "straight", stopped = folder_ / "stopped";
  const Settings twenty{{"train.epochs", "20"}, {"train.average_snapshots", "8"}};  // 240 positions, each 30 kept
  std::string log, said;
  ASSERT_EQ(run(arguments(straight, GetParam(), twenty), &log), 0) << log;

  auto leg = arguments(stopped, GetParam(), twenty);
  leg.insert(leg.end(), {"--until", "16"});
  ASSERT_EQ(run(leg, &log), 0) << log;
  while (list_checkpoints(stopped).size() > 3) fs::remove_all(list_checkpoints(stopped).back());  // back to 36
  fs::copy(stopped / "averages/000000000060", stopped / "averages/000000000044");  // of steps that now are others
  fs::create_directories(stopped / "averages/000000000092.partial");
  ASSERT_EQ(run(arguments(stopped, GetParam(), twenty), &log), 0) << log;

  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(stopped / "averages")) kept.push_back(entry.path().filename());
  std::ranges::sort(kept);
  EXPECT_THAT(kept, testing::ElementsAre("000000000032", "000000000060", "000000000092", "000000000120", "000000000152",
                                         "000000000180", "000000000212", "000000000240"));
  for (const std::string& position : kept)
    for (const char* file : {"ema.safetensors", "ema-long.safetensors", "state.json"})
      EXPECT_EQ(read_file(stopped / "averages" / position / file), read_file(straight / "averages" / position / file))
          << position << ' ' << file;

  ASSERT_EQ(run({"average", straight, "--length", "0.05,0.08"}, &log, &said), 0) << log;
  EXPECT_EQ(said, fmt::format("{0}/averages/length-0.05-000000000240.safetensors\n"
                              "{0}/averages/length-0.08-000000000240.safetensors\n",
                              straight.string()));
  const WeightsFile same = load_weights(straight / "averages/length-0.05-000000000240.safetensors");
  EXPECT_EQ(same.metadata.at("atelier.length"), "0.05");
  EXPECT_EQ(same.position, 240U);
  const WeightsFile shorter = load_weights(straight / "positions/000000000240/ema.safetensors");
  EXPECT_EQ(same.spec, shorter.spec);
  EXPECT_EQ(shorter.metadata.at("atelier.length"), "0.05");

  ASSERT_EQ(run({"inspect", straight}, &log, &said), 0) << log;
  EXPECT_THAT(said, HasSubstr("averages    240, good\n"));
  EXPECT_EQ(run({"inspect", straight / "averages/000000000240"}, &log, &said), 0) << log;
  EXPECT_THAT(said, HasSubstr("averages    240, good\n"));
  ASSERT_EQ(same.tensors.size(), shorter.tensors.size());
  for (const auto& [name, tensor] : shorter.tensors)
    EXPECT_TRUE(torch::allclose(same.tensors.at(name), tensor, 1e-6, 1e-9)) << name;
}

TEST_F(Training, RefusesAveragesThatItCannotMake) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  ASSERT_EQ(run(arguments(run_dir, "pix2pix", {{"train.epochs", "4"}, {"train.average_snapshots", "4"}}), &log), 0);
  const auto refused = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "average");
    EXPECT_EQ(run(arguments, &log), 2) << log;
    return log;
  };
  EXPECT_THAT(refused({}), HasSubstr("average needs RUN"));
  EXPECT_THAT(refused({run_dir}), HasSubstr("average needs --length"));
  EXPECT_THAT(refused({folder_ / "nowhere", "--length", "0.08"}), HasSubstr("there is no run at"));
  EXPECT_THAT(refused({folder_.path(), "--length", "0.08"}), HasSubstr("train.average_snapshots says how many"));
  for (const char* length : {"0", "0.3", "nan", "0.08,", "x"})
    EXPECT_THAT(refused({run_dir, "--length", length}), HasSubstr("--length takes numbers from"));
  EXPECT_THAT(refused({run_dir, "--length", "0.01"}),
              HasSubstr("off by 59%; lengths from 0.04 to 0.14 are within 10%"));
  EXPECT_THAT(refused({run_dir, "--length", "0.08", "--at", "30"}), HasSubstr("the last one before it is at 24"));
  EXPECT_THAT(refused({run_dir, "--length", "0.08", "--at", "12"}), HasSubstr("fewer than two snapshots"));
  EXPECT_THAT(refused({run_dir, "--length", "0.06,0.08", "--out", "x"}), HasSubstr("--out names one file"));
  EXPECT_THAT(refused({run_dir, "--length", "0.08", "--until", "3"}), HasSubstr("average takes no --until"));
  const fs::path out = folder_ / "mine.safetensors";
  EXPECT_EQ(run({"average", run_dir, "--length", "0.08", "--at", "36", "--out", out}, &log), 0) << log;
  EXPECT_EQ(load_weights(out).position, 36U);
  EXPECT_THAT(refused({run_dir, "--length", "0.08", "--out", out}), HasSubstr("is there already"));
  EXPECT_EQ(run({"average", run_dir, "--length", "0.06"}, &log), 0) << log;
  EXPECT_THAT(refused({run_dir, "--length", "0.08,0.06"}), HasSubstr("is there already"));
  EXPECT_FALSE(fs::exists(run_dir / "averages/length-0.08-000000000048.safetensors")) << "all are looked at first";
  EXPECT_THAT(refused({run_dir, "--length", "0.08", "--out", folder_ / "no/where"}),
              HasSubstr("is not there: make it"));
}

TEST_F(Training, RefusesToResumeARunThatAveragedOtherwise) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  ASSERT_EQ(run(arguments(run_dir, "diffusion", {{"train.epochs", "1"}}), &log), 0) << log;
  const fs::path folder = list_checkpoints(run_dir).back();
  auto state = verify_checkpoint(folder).state;  // as an older version left it
  state.erase("averaged");
  state["files"].erase("ema-long.safetensors");
  state.erase("seal");
  fs::remove(folder / "ema-long.safetensors");
  publish_file(folder / "state.json", seal_state(state));
  EXPECT_EQ(run(arguments(run_dir, "diffusion", {{"train.epochs", "2"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("lists no ema-long.safetensors, as an older version may have left it"));
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
