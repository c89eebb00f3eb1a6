#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"
#include "tests/train/fixtures.h"
#include "tests/train/program.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class CheckpointsOfARun : public Training {
 protected:
  static constexpr rlim_t kRoom = 100'000;  // bytes: more than the logs take, less than the weights

  /// Waits until the log holds `text`; false: the program ended before.
  static bool wait_for_log(const Process& process, const std::string& text) {
    while (process.running()) {
      if (process.log().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }

  static std::vector<uint64_t> positions_in(const fs::path& run_dir) {
    std::vector<uint64_t> positions;
    for (const fs::path& folder : list_checkpoints(run_dir)) positions.push_back(position_of(folder).value());
    return positions;
  }

  /// A run of `epochs` epochs, finished.
  fs::path finished_run(const std::string& kind, const std::string& epochs = "2") const {
    std::string log;
    EXPECT_EQ(run(arguments(folder_ / "run", kind, {{"train.epochs", epochs}}), &log), 0) << log;
    return folder_ / "run";
  }

  std::string inspected(const std::vector<std::string>& words, int code = 0) const {
    std::string log, said;
    EXPECT_EQ(command("inspect", words, &log, &said), code) << log << said;
    return said;
  }

  int exported(const std::vector<std::string>& words, std::string* log = nullptr, std::string* said = nullptr) const {
    return command("export", words, log, said);
  }

  int command(const std::string& name, std::vector<std::string> words, std::string* log, std::string* said) const {
    words.insert(words.begin(), name);
    return run(words, log, said);
  }
};

TEST_F(CheckpointsOfARun, GoOnWhenTheDiskWasFull) {
  const fs::path run_dir = folder_ / "run";
  Process process(arguments(run_dir, "diffusion"), folder_ / "log");
  ASSERT_TRUE(wait_for_checkpoints(process, run_dir, 1)) << process.log();
  process.limit_files(kRoom);
  ASSERT_TRUE(wait_for_log(process, "could not be saved")) << process.log();
  EXPECT_THAT(process.log(), AllOf(HasSubstr("model.safetensors"), HasSubstr("older ones are as they were"),
                                   HasSubstr("The run goes on.")));
  const fs::path older = list_checkpoints(run_dir).back();
  ASSERT_GT(fs::file_size(older / "model.safetensors"), kRoom);
  EXPECT_NO_THROW(verify_checkpoint(older));
  process.limit_files(RLIM_INFINITY);
  const size_t before = list_checkpoints(run_dir).size();
  ASSERT_TRUE(wait_for_checkpoints(process, run_dir, before + 1)) << "it never saved again: " << process.log();
  process.send(SIGINT);
  EXPECT_EQ(process.wait(), 130) << process.log();
  for (const fs::path& folder : list_checkpoints(run_dir)) EXPECT_NO_THROW(verify_checkpoint(folder));
}

TEST_F(CheckpointsOfARun, DecideHowItEndsWhenTheLastOneFails) {
  const fs::path run_dir = folder_ / "run";
  Process process(arguments(run_dir, "diffusion"), folder_ / "log");
  ASSERT_TRUE(wait_for_checkpoints(process, run_dir, 1)) << process.log();
  process.limit_files(kRoom);
  ASSERT_TRUE(wait_for_log(process, "could not be saved")) << process.log();
  const auto before = list_checkpoints(run_dir);
  process.send(SIGINT);
  EXPECT_EQ(process.wait(), 1) << process.log();
  EXPECT_EQ(json::parse(read_file(run_dir / "status.json"))["state"], "failed");
  EXPECT_EQ(list_checkpoints(run_dir), before);
  EXPECT_NO_THROW(verify_checkpoint(before.back()));
}

TEST_F(CheckpointsOfARun, AreThereForTheStepThatWasInterrupted) {
  const fs::path run_dir = folder_ / "run";
  Process process(arguments(run_dir, "diffusion"), folder_ / "log");
  ASSERT_TRUE(wait_for_checkpoints(process, run_dir, 2)) << process.log();
  process.send(SIGTERM);
  ASSERT_EQ(process.wait(), 130) << process.log();
  const Checkpoint newest = verify_checkpoint(list_checkpoints(run_dir).back());
  EXPECT_THAT(process.log(), HasSubstr("saved at position " + std::to_string(newest.position)));
}

TEST_F(CheckpointsOfARun, NeedADiskThatHoldsTwo) {
  const fs::path run_dir = folder_ / "run";
  setenv("LD_PRELOAD", SMALL_DISK, 1);
  setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 0);
  std::string log;
  EXPECT_EQ(run(arguments(run_dir, "diffusion"), &log), 2);
  unsetenv("LD_PRELOAD");
  EXPECT_THAT(log, AllOf(HasSubstr("no room for two more checkpoints"), HasSubstr("and 100000 are free")));
  EXPECT_FALSE(fs::exists(run_dir / "positions"));
  EXPECT_FALSE(fs::exists(run_dir / "metrics.jsonl")) << "it had begun";
}

TEST_F(CheckpointsOfARun, StayForGoodEveryNth) {
  const fs::path run_dir = folder_ / "run";
  const auto some = arguments(run_dir, "diffusion",
                              {{"train.epochs", "7"}, {"train.keep_checkpoints", "1"}, {"train.keep_every", "3"}});
  auto first_leg = some;
  first_leg.insert(first_leg.end(), {"--until", "10"});  // within an epoch
  std::string log;
  ASSERT_EQ(run(first_leg, &log), 0) << log;
  EXPECT_EQ(positions_in(run_dir), (std::vector<uint64_t>{36, 40}));
  ASSERT_EQ(run(some, &log), 0) << log;
  EXPECT_EQ(positions_in(run_dir), (std::vector<uint64_t>{36, 72, 84}));
}

TEST_F(CheckpointsOfARun, AreInspected) {
  const fs::path run_dir = finished_run("pix2pix");
  damage(run_dir / "positions/000000000012/optimizer.safetensors");
  const json found = json::parse(inspected({run_dir, "--json"}));
  EXPECT_EQ(found["what"], "run");
  EXPECT_EQ(found["newest"], 24);
  EXPECT_EQ(found["model"]["kind"], "pix2pix");
  EXPECT_EQ(found["model"]["labels"], json({"chair", "table"}));
  // exp_avg has a number for each parameter: the optimizer's count of them.
  std::map<std::string, int64_t> counts;
  for (const auto& [name, tensor] : load_tensors(run_dir / "positions/000000000024/optimizer.safetensors").tensors)
    if (const size_t at = name.find(".exp_avg."); at != name.npos) counts[name.substr(0, at)] += tensor.numel();
  EXPECT_EQ(found["model"]["parameters"], json(counts));
  ASSERT_EQ(found["checkpoints"].size(), 2U);
  const json &bad = found["checkpoints"][0], &good = found["checkpoints"][1];
  EXPECT_EQ(bad["good"], false);
  EXPECT_THAT(bad["fault"].get<std::string>(), HasSubstr("optimizer.safetensors is damaged"));
  EXPECT_EQ(good["good"], true);
  EXPECT_EQ(good["step"], 6);
  EXPECT_EQ(good["total_positions"], 24);
  EXPECT_EQ(good["segments"], json({{{"position", 0}, {"step", 0}, {"batch", 4}}}));
  EXPECT_EQ(good["choices"]["precision"], "float32");
  EXPECT_EQ(good["skipped"], 0);
  for (const json& file : good["files"]) {
    EXPECT_EQ(file["good"], true);
    EXPECT_EQ(file["bytes"], fs::file_size(run_dir / "positions/000000000024" / file["name"].get<std::string>()));
  }
  EXPECT_THAT(inspected({run_dir}),
              AllOf(HasSubstr("12, DAMAGED"), HasSubstr("24, step 6, good"), HasSubstr("pix2pix at 16 pixels"),
                    HasSubstr("2: chair, table"), HasSubstr("generator " + std::to_string(counts["generator"]))));
  EXPECT_THAT(inspected({run_dir / "positions/000000000024"}), HasSubstr("model.safetensors"));
}

TEST_F(CheckpointsOfARun, AreInspectedWhenNoneIsGood) {
  const fs::path run_dir = finished_run("diffusion", "1");
  const fs::path only = run_dir / "positions/000000000012";
  damage(only / "model.safetensors");
  EXPECT_THAT(inspected({run_dir}, 1), HasSubstr("DAMAGED"));
  EXPECT_THAT(inspected({only}, 1), AllOf(HasSubstr("model.safetensors"), HasSubstr("DAMAGED"), HasSubstr("step 3")));
  EXPECT_EQ(json::parse(inspected({run_dir, "--json"}, 1))["newest"], nullptr);
  publish_file(only / "state.json", "{");
  EXPECT_THAT(inspected({only}, 1), HasSubstr("not a JSON object"));
  inspected({folder_.path()}, 2);
  inspected({folder_ / "nowhere"}, 2);
  inspected({}, 2);
  inspected({run_dir, "--out", "x"}, 2);
}

TEST_F(CheckpointsOfARun, CannotMoveTheCursorWhenInspected) {
  const fs::path file = folder_ / "hostile.safetensors";
  WeightsFile weights;
  weights.spec = {.image_size = 16, .labels = {"\x1b[2J"}, .channels = 8, .levels = 2, .attention_size = 8};
  weights.tensors = {{"a", torch::zeros({5'000})}};
  weights.metadata = {{"title\n", "\x1b]0;"}};
  save_weights(file, weights);
  EXPECT_THAT(inspected({file}), AllOf(testing::Not(HasSubstr("\x1b")), HasSubstr("title\\x0a: \\x1b]0;")));
}

TEST_F(CheckpointsOfARun, AreExportedAsOneFile) {
  const fs::path run_dir = finished_run("pix2pix"), newest = run_dir / "positions/000000000024";
  const fs::path average = folder_ / "average.safetensors", raw = folder_ / "raw.safetensors";
  std::string log, said;
  ASSERT_EQ(exported({run_dir, "--out", average}, &log, &said), 0) << log;
  EXPECT_THAT(said, HasSubstr("the average weights of position 24"));
  ASSERT_EQ(exported({newest, "--out", raw, "--weights", "raw"}, &log), 0) << log;
  for (const auto& [file, name] : {std::pair(average, "ema.safetensors"), std::pair(raw, "model.safetensors")}) {
    const WeightsFile one = load_weights(file);
    const TensorFile other = load_tensors(newest / name);
    EXPECT_EQ(one.weights, file == average ? "average" : "raw");
    EXPECT_EQ(one.position, 24U);
    EXPECT_EQ(one.spec.labels, (std::vector<std::string>{"chair", "table"}));
    ASSERT_EQ(one.tensors.size(), other.tensors.size());
    for (const auto& [key, tensor] : other.tensors) EXPECT_TRUE(torch::equal(tensor, one.tensors.at(key))) << key;
  }
  const json found = json::parse(inspected({average, "--json"}));
  EXPECT_EQ(found["what"], "weights");
  EXPECT_EQ(found["weights"], "average");
  EXPECT_EQ(found["position"], 24);
}

TEST_F(CheckpointsOfARun, SayWhichObjectiveTheyWereTrainedFor) {
  const fs::path run_dir = folder_ / "run", out = folder_ / "out.safetensors";
  const auto start = arguments(
      run_dir, "diffusion", {{"train.epochs", "1"}, {"model.objective", "flow"}, {"model.condition_dropout", "0.2"}});
  std::string log;
  ASSERT_EQ(run(start, &log), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("model diffusion by flow matching at 16 pixels"), HasSubstr("flow loss")));
  const json model = json::parse(inspected({run_dir, "--json"}))["model"];
  EXPECT_EQ(model["objective"], "flow");
  EXPECT_EQ(model["condition_dropout"], 0.2);
  EXPECT_THAT(inspected({run_dir}), HasSubstr("diffusion by flow matching at 16 pixels"));
  ASSERT_EQ(exported({run_dir, "--out", out}, &log), 0) << log;
  EXPECT_EQ(load_weights(out).spec.objective, "flow");
}

TEST_F(CheckpointsOfARun, AreExportedFromTheNewestGoodOne) {
  const fs::path run_dir = finished_run("diffusion"), out = folder_ / "out.safetensors";
  damage(run_dir / "positions/000000000024/model.safetensors");
  std::string log;
  ASSERT_EQ(exported({run_dir, "--out", out}, &log), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("warning"), HasSubstr("000000000024")));
  EXPECT_EQ(load_weights(out).position, 12U);
  const std::string before = read_file(out);
  EXPECT_EQ(exported({run_dir, "--out", out, "--weights", "raw"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("is there already"));
  EXPECT_EQ(read_file(out), before);
  EXPECT_EQ(exported({run_dir / "positions/000000000024", "--out", folder_ / "bad"}, &log), 2);
  EXPECT_EQ(exported({run_dir, "--out", folder_ / "bad", "--weights", "best"}, &log), 2);
  EXPECT_EQ(exported({run_dir}, &log), 2);
  EXPECT_EQ(exported({run_dir, "--out", folder_ / "no/where"}, &log), 2);
  EXPECT_FALSE(fs::exists(folder_ / "bad"));
}

}  // namespace
}  // namespace atelier
