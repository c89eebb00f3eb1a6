#include "train/trainer.h"

#include <gtest/gtest.h>
#include <limits>

#include "base/files.h"
#include "models/checkpoint.h"
#include "tests/train/fixtures.h"
#include "train/grid.h"
#include "train/held_out.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A trainer of TwoLines that asks for its own batches.
struct SmallRun {
  explicit SmallRun(Config settings = small_config())
      : config(settings), trainer(objective, config, small_state(config)) {}
  SmallRun(const Config& settings, const fs::path& checkpoint)
      : config(settings), trainer(objective, config, run_state_from_json(verify_checkpoint(checkpoint).state)) {
    trainer.load(checkpoint);
  }
  StepResult step() { return trainer.step(examples_at(trainer.clock().position(), config.train.batch_size)); }
  void steps(int count) {
    for (int i = 0; i < count; ++i) step();
  }
  fs::path save(const fs::path& run_dir) {
    save_checkpoint(run_dir, trainer.clock().position(), trainer.snapshot(""));
    return checkpoint_folder(run_dir, trainer.clock().position());
  }

  Config config;
  TwoLines objective;
  Trainer trainer;
};

void expect_same_files(const fs::path& a, const fs::path& b) {
  for (const char* name :
       {"model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors", "state.json"})
    EXPECT_EQ(read_file(a / name), read_file(b / name)) << name;
}

TEST(Trainer, LearnsWithBothPlayers) {
  SmallRun run;
  const StepResult first = run.step();
  run.steps(28);
  const StepResult last = run.step();
  ASSERT_EQ(first.losses.size(), 2U);
  for (size_t player = 0; player < 2; ++player) {
    EXPECT_LT(last.losses[player], 0.5 * first.losses[player]);
    EXPECT_GT(last.norms[player], 0);
  }
  EXPECT_TRUE(run.trainer.clock().finished());
}

TEST(Trainer, EndsInTheSameBytesHoweverOftenItIsInterrupted) {
  const TemporaryFolder straight, interrupted;
  SmallRun whole;
  whole.steps(20);
  const fs::path wanted = whole.save(straight.path());

  SmallRun first;
  first.steps(7);
  fs::path reached = first.save(interrupted.path());
  for (const int steps : {1, 5, 7}) {
    SmallRun leg(small_config(), reached);
    leg.steps(steps);
    reached = leg.save(interrupted.path());
  }
  expect_same_files(wanted, reached);
}

TEST(Trainer, ShowsAveragesThatLagBehind) {
  SmallRun run;
  run.steps(30);
  const Snapshot snapshot = run.trainer.snapshot("");
  EXPECT_FALSE(torch::equal(snapshot.model.at("generator.weight"), snapshot.average.at("generator.weight")));
  const auto apart = [&](const auto& average) {
    return (average.at("generator.weight") - snapshot.model.at("generator.weight")).abs().sum().template item<double>();
  };
  EXPECT_GT(apart(snapshot.long_average), 1.2 * apart(snapshot.average)) << "the longer one more so";
  EXPECT_FALSE(snapshot.average.contains("discriminator.weight")) << "that player asked for no average";
  EXPECT_EQ(snapshot.model.at("generator.seen").item<int64_t>(), 120) << "observe is called once a step";
  for (const auto* average : {&snapshot.average, &snapshot.long_average})
    EXPECT_EQ(average->at("generator.seen").item<int64_t>(), 120) << "what was noted is not averaged";
}

TEST(Trainer, GivesTheSameGradientForAShareOfTheBatch) {
  // The loss of a share is its sum over the global batch: two halves make the whole (law 2).
  Config config = small_config();
  config.train.clip = 0;
  SmallRun whole(config), first(config), second(config);
  const double loss = whole.step().losses[0];
  const double a = first.trainer.step(slice(examples_at(0, 4), 0, 2, torch::kCPU)).losses[0];
  const double b = second.trainer.step(slice(examples_at(0, 4), 2, 4, torch::kCPU)).losses[0];
  EXPECT_NEAR(a + b, loss, 1e-6);
  const auto gradient = [](SmallRun& run) {
    return run.objective.players()[0].module->named_parameters()["weight"].grad();
  };
  EXPECT_GT(gradient(whole).abs().sum().item<double>(), 0.01);
  EXPECT_TRUE(torch::allclose(gradient(first) + gradient(second), gradient(whole), 1e-5));
}

TEST(Trainer, SkipsAndCountsStepsThatAreNotFinite) {
  SmallRun run;
  run.steps(2);
  const auto before = run.trainer.snapshot("").model.at("generator.weight").clone();
  run.objective.factor = std::numeric_limits<double>::infinity();
  EXPECT_EQ(run.step().skipped, 2U);
  EXPECT_TRUE(torch::equal(run.trainer.snapshot("").model.at("generator.weight"), before));
  EXPECT_EQ(run.trainer.averages()[0].position(), 12U) << "what stood still for a step is averaged over that step";
  run.objective.factor = 1;
  EXPECT_EQ(run.step().skipped, 0U);
  EXPECT_EQ(run.trainer.state().skipped, 2U);
  EXPECT_EQ(run.trainer.snapshot("").state["skipped"], 2);
}

TEST(Trainer, GivesUpWhenNothingIsFiniteAnyMore) {
  SmallRun run;
  run.objective.factor = std::numeric_limits<double>::quiet_NaN();
  run.steps(100);
  EXPECT_THROW(run.step(), std::runtime_error);
}

TEST(Trainer, ComputesHeldOutLossesOfBothWeights) {
  SmallRun run;
  run.steps(30);
  const Examples kept = examples_at(1000, 40);  // more than one batch of them
  const HeldOutLoss loss = held_out_loss(run.trainer, kept);
  const torch::NoGradGuard no_grad;
  EXPECT_NEAR(loss.raw, run.objective.held_out_loss(kept, 0).mean().item<double>(), 1e-6);
  EXPECT_NE(loss.average, loss.raw);
  EXPECT_NEAR(held_out_loss(run.trainer, kept).raw, loss.raw, 0) << "the weights are handed back";
}

TEST(Trainer, ShowsARowOfVariationsForEachLabel) {
  SmallRun run;
  const Image grid = sample_grid(run.trainer, {});
  EXPECT_EQ(grid.width, 4 * 2 + 3 * 4) << "four pictures of 2 pixels, gaps of 4";
  EXPECT_EQ(grid.height, 2 * 2 + 4);
  const auto grey_at = [&](int x, int y) { return grid.rgb[static_cast<size_t>(y * grid.width + x) * 3]; };
  for (int v = 0; v < 4; ++v) EXPECT_EQ(grey_at(6 * v, 6), v) << "variation v follows from seed + v in each row";
}

}  // namespace
}  // namespace atelier
