#include <bit>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "tests/train/program.h"
#include "train/trace.h"

/// What a run is when it is stopped, and when its settings change meanwhile.
namespace atelier {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Resume : public Training {
 protected:
  /// One start of a run, up to `until` steps in batches of `batch`: what each step took.
  std::vector<TraceLine> leg(const fs::path& run_dir, int batch, int until, Settings other = {}) const {
    other["train.batch_size"] = std::to_string(batch);
    auto start = arguments(run_dir, "diffusion", other);
    start.insert(start.end(), {"--accept-changes", "--until", std::to_string(until), "--trace", folder_ / "trace"});
    std::string log;
    EXPECT_EQ(run(start, &log), 0) << log;
    return read_trace(folder_ / "trace");
  }

  static nlohmann::json state_of(const fs::path& run_dir) {
    return verify_checkpoint(list_checkpoints(run_dir).back()).state;
  }

  /// Every file under `folder` with its contents and the time of its last change.
  static std::map<std::string, std::pair<std::string, fs::file_time_type>> contents(const fs::path& folder) {
    std::map<std::string, std::pair<std::string, fs::file_time_type>> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) files[entry.path()] = {sha256_file(entry.path()), fs::last_write_time(entry.path())};
    return files;
  }
};

/// Position -> row of the list.
std::map<uint64_t, int64_t> entries_of(const std::vector<TraceLine>& lines) {
  std::map<uint64_t, int64_t> entries;
  for (const TraceLine& line : lines)
    for (size_t i = 0; i < line.entries.size(); ++i) entries[line.position + i] = line.entries[i];
  return entries;
}

/// Whether every line of `part` is in `whole`, but for its step: samples, pixels and losses.
void expect_part(const std::vector<TraceLine>& part, const std::vector<TraceLine>& whole) {
  std::map<uint64_t, TraceLine> by_position;
  for (const TraceLine& line : whole) by_position[line.position] = line;
  ASSERT_FALSE(part.empty());
  for (const TraceLine& line : part) {
    const TraceLine& same = by_position[line.position];
    EXPECT_EQ(line.entries, same.entries) << "position " << line.position;
    EXPECT_EQ(line.pixels, same.pixels) << "position " << line.position;
    EXPECT_EQ(line.losses, same.losses) << "position " << line.position;
  }
}

TEST_F(Resume, TakesTheSamplesOfAnUnstoppedRunWhenTheBatchChanges) {
  // Weights that do not move make the loss of a batch a function of its samples, their noise and dropout alone.
  const Settings still{{"train.learning_rate", "0"}, {"data.noise", "0.5"}};
  const fs::path run_dir = folder_ / "run";
  const auto fours = leg(run_dir, 4, 3, still), twos = leg(run_dir, 2, 7, still), tens = leg(run_dir, 10, 9, still);
  EXPECT_EQ(state_of(run_dir)["position"], 40);
  expect_part(fours, leg(folder_ / "fours", 4, 3, still));
  expect_part(twos, leg(folder_ / "twos", 2, 10, still));
  expect_part(tens, leg(folder_ / "tens", 10, 4, still));
  EXPECT_EQ(twos.front().position, 12U);
  EXPECT_EQ(tens.front().position, 20U);
}

TEST_F(Resume, KeepsTheShapesOfItsFirstBatches) {
  std::ofstream list(folder_ / "shapes.csv");
  list << "url,width,height\n";
  for (int row = 0; row < 80; ++row) list << row % kRows << ".png," << (row < 40 ? "48,24\n" : "24,24\n");
  list.close();
  const Settings shapes{{"data.list", folder_ / "shapes.csv"},
                        {"data.shapes", "buckets"},
                        {"data.held_out", "0"},
                        {"train.learning_rate", "0"}};
  const fs::path run_dir = folder_ / "run";
  const auto before = leg(run_dir, 4, 3, shapes), halves = leg(run_dir, 2, 9, shapes),
             after = leg(run_dir, 4, 12, shapes);
  const auto straight = leg(folder_ / "straight", 4, 9, shapes);
  expect_part(before, straight);
  expect_part(after, straight);
  auto entries = entries_of(before);
  entries.merge(entries_of(halves));
  entries.merge(entries_of(after));
  EXPECT_EQ(entries, entries_of(straight));
  ASSERT_EQ(halves.size(), 6U);
}

TEST_F(Resume, AsksBeforeItMakesOtherNumbers) {
  const fs::path run_dir = folder_ / "run";
  leg(run_dir, 4, 2);
  const auto before = contents(run_dir);
  const auto other = arguments(run_dir, "diffusion", {{"train.learning_rate", "0.001"}, {"train.clip", "3"}});
  auto start = other;
  start.insert(start.end(), {"--until", "4"});
  std::string log;
  EXPECT_EQ(run(start, &log), 2);
  EXPECT_THAT(log, AllOf(HasSubstr("train.clip (1 before, 3 now), train.learning_rate (0.0002 before, 0.001 now)"),
                         HasSubstr("from position 8 on by --accept-changes")));
  EXPECT_EQ(contents(run_dir), before) << "a start that is refused leaves the run as it was";

  start.emplace_back("--accept-changes");
  ASSERT_EQ(run(start, &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("warning: Accepted from position 8 on: train.clip (1 before, 3 now)"));
  const auto changes = state_of(run_dir)["changes"];
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(
      changes[1],
      nlohmann::json({{"position", 8}, {"setting", "train.learning_rate"}, {"before", "0.0002"}, {"now", "0.001"}}));
  start.pop_back();
  start.back() = "5";
  ASSERT_EQ(run(start, &log), 0) << "what was accepted is the run's own: " << log;
  EXPECT_THAT(log, Not(HasSubstr("Accepted")));
  EXPECT_EQ(state_of(run_dir)["changes"], changes);
}

TEST_F(Resume, GoesOnWithAFinishedRunThatIsToBeLonger) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  ASSERT_EQ(run(arguments(run_dir, "diffusion", {{"train.epochs", "1"}}), &log), 0) << log;
  auto longer = arguments(run_dir, "diffusion", {{"train.epochs", "2"}});
  EXPECT_EQ(run(longer, &log), 2) << log;
  EXPECT_THAT(log, HasSubstr("train.epochs (1 before, 2 now)"));
  longer.emplace_back("--accept-changes");
  ASSERT_EQ(run(longer, &log), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("The run ends at position 24"), HasSubstr("goes on at position 12 of 24")));
  EXPECT_EQ(state_of(run_dir)["position"], 24);
}

TEST_F(Resume, TakesItsFlagsForTrainingOnly) {
  std::string log;
  EXPECT_EQ(run({"verify-resume", "--accept-changes"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("verify-resume takes no --accept-changes"));
}

/// A run of two epochs on chairs and tables, to begin others with.
class FineTuning : public Resume {
 protected:
  FineTuning() {
    std::string log;
    EXPECT_EQ(run(arguments(old_, "diffusion", {{"train.epochs", "2"}}), &log), 0) << log;
    std::ofstream list(folder_ / "lamps.csv");
    list << "url,label\n";
    for (int row = 0; row < kRows; ++row) list << row << ".png," << (row % 2 ? "lamp" : "chair") << '\n';
  }

  /// A run on chairs and lamps that begins with the weights of the other one.
  std::vector<std::string> tuning(const fs::path& run_dir, Settings other = {}) const {
    other.merge(Settings{{"data.list", folder_ / "lamps.csv"},
                         {"train.init_from", old_},
                         {"train.epochs", "1"},
                         {"train.learning_rate", "0"}});
    return arguments(run_dir, "diffusion", other);
  }

  const fs::path old_ = folder_ / "old", new_ = folder_ / "new";
};

TEST_F(FineTuning, BeginsWithTheAveragesOfAnotherRun) {
  std::string log;
  ASSERT_EQ(run(tuning(new_), &log), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("weights from " + old_.string() + " (position 24): "),
                         HasSubstr("labels: 1 (chair) taken, 1 (lamp) new, 1 (table) dropped")));
  const auto before = load_tensors(list_checkpoints(old_).back() / "ema.safetensors").tensors;
  for (const char* file : {"model.safetensors", "ema.safetensors"}) {
    const auto after = load_tensors(list_checkpoints(new_).back() / file).tensors;
    for (const auto& [name, tensor] : after) {
      if (name.ends_with("label.weight"))  // chair is the first of both lists, and "no label" the last row
        EXPECT_TRUE(torch::equal(tensor[0], before.at(name)[0]) && torch::equal(tensor[2], before.at(name)[2]));
      else
        EXPECT_TRUE(torch::equal(tensor, before.at(name))) << file << " " << name;
    }
  }
  const auto record = nlohmann::json::parse(read_file(new_ / "init_from.json"));
  EXPECT_EQ(record["labels"]["new"], nlohmann::json({"lamp"}));
  EXPECT_TRUE(record["new"].empty() && record["dropped"].empty());
  EXPECT_FALSE(record["taken"].empty());
  const auto origin = state_of(new_)["init_from"];
  EXPECT_EQ(origin["path"], old_.string());
  EXPECT_EQ(origin["files"]["ema.safetensors"], sha256_file(list_checkpoints(old_).back() / "ema.safetensors"));
}

TEST_F(FineTuning, GoesOnWithoutItsSource) {
  std::string log;
  ASSERT_EQ(run(tuning(new_), &log), 0) << log;
  fs::remove_all(old_);
  auto longer = tuning(new_, {{"train.epochs", "2"}});
  longer.emplace_back("--accept-changes");
  ASSERT_EQ(run(longer, &log), 0) << log;
  EXPECT_THAT(log, Not(HasSubstr("train.init_from")));
  EXPECT_EQ(state_of(new_)["init_from"]["path"], old_.string());
  ASSERT_EQ(run(tuning(new_, {{"train.epochs", "2"}, {"train.init_from", "elsewhere"}}), &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("train.init_from is for the first start of a run"));
}

TEST_F(FineTuning, IsTheSameRunWhenItIsResumed) {
  auto verify = tuning(new_, {{"train.learning_rate", "0.001"}});
  verify.insert(verify.begin(), "verify-resume");
  verify.insert(verify.end(), {"--steps", "3", "--legs", "3"});
  std::string log, said;
  EXPECT_EQ(run(verify, &log, &said), 0) << log << said;
}

TEST_F(FineTuning, RefusesWeightsThatAreNone) {
  std::string log;
  EXPECT_EQ(run(tuning(new_, {{"train.init_from", folder_ / "nowhere"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("train.init_from: There is no run and no weights file at"));
  EXPECT_EQ(run(tuning(new_, {{"train.init_from", folder_ / "list.csv"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("list.csv cannot be used"));
  EXPECT_EQ(run(tuning(new_, {{"model.kind", "pix2pix"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("it holds weights of diffusion"));
}

struct Arithmetic {
  std::string kind, precision, objective = "edm";
};

class ResumeInEachPrecision : public Resume, public testing::WithParamInterface<Arithmetic> {};

TEST_P(ResumeInEachPrecision, IsTheSameRunInThreeLegs) {
  auto verify = arguments(folder_ / "run", GetParam().kind,
                          {{"train.precision", GetParam().precision},
                           {"model.objective", GetParam().objective},
                           {"model.condition_dropout", "0.3"},
                           {"model.min_snr_gamma", GetParam().objective == "flow" ? "5" : "0"},
                           {"train.rate_schedule", "cosine"},
                           {"train.epochs", "4"},
                           {"train.warmup", "20"},
                           {"train.weight_decay", "0.01"},
                           {"data.noise", "0.5"}});
  verify.insert(verify.begin(), "verify-resume");
  verify.insert(verify.end(), {"--steps", "6", "--legs", "3"});
  std::string log, said;
  ASSERT_EQ(run(verify, &log, &said), 0) << log << said;
  EXPECT_THAT(said, HasSubstr("the same run: 6 steps straight and in 3 legs"));
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, ResumeInEachPrecision,
                         testing::Values(Arithmetic{"diffusion", "bfloat16"}, Arithmetic{"diffusion", "float16"},
                                         Arithmetic{"diffusion", "float32", "flow"},
                                         Arithmetic{"diffusion", "bfloat16", "flow"}, Arithmetic{"pix2pix", "bfloat16"},
                                         Arithmetic{"pix2pix", "float16"}),
                         [](const auto& arithmetic) {
                           const Arithmetic& own = arithmetic.param;
                           return own.kind + "_" + own.precision + "_" + own.objective;
                         });

}  // namespace
}  // namespace atelier
