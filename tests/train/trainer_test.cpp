#include "train/trainer.h"

#include <ATen/record_function.h>
#include <chrono>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <string_view>

#include "base/files.h"
#include "configs/console.h"
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

TEST(Trainer, HandsOutTheLossOfEachSample) {
  SmallRun run;
  TwoLines same;  // whose weights are those of the first step
  const Examples examples = examples_at(0, run.config.train.batch_size);
  const StepResult result = run.trainer.step(examples);
  ASSERT_EQ(result.sample_losses.size(), 2U);
  for (size_t player = 0; player < 2; ++player) {
    const torch::Tensor wanted = same.loss(player, examples, 0).detach().contiguous();
    EXPECT_EQ(result.sample_losses[player],
              std::vector<float>(wanted.data_ptr<float>(), wanted.data_ptr<float>() + wanted.numel()));
    EXPECT_FLOAT_EQ(static_cast<float>(result.losses[player]), wanted.mean().item<float>());
  }
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

TEST(Trainer, KnowsUpToWhereEachAverageHasAveraged) {
  // At 50,000 positions a step of 4 is worth a pass over the shorter average, but not over the longer one.
  RunState state = small_state(small_config());
  state.clock = Clock::from_json({{"position", 50'000},
                                  {"step", 12'500},
                                  {"total_positions", 100'000},
                                  {"segments", nlohmann::json::array({{{"position", 0}, {"step", 0}, {"batch", 4}}})}});
  state.averaged["generator"] = {50'000, 50'000};
  for (const bool due : {false, true}) {
    Config config = small_config();
    config.train.average_snapshots = due ? 25'000 : 0;  // one a step
    TwoLines objective;
    Trainer trainer(objective, config, state);
    trainer.step(examples_at(50'000, 4));
    EXPECT_EQ(trainer.averages()[0].position(), 50'004U);
    EXPECT_EQ(trainer.long_averages()[0].position(), due ? 50'004U : 50'000U);
    Trainer resumed(objective, config, run_state_from_json(trainer.snapshot("").state));
    EXPECT_EQ(resumed.averages()[0].position(), trainer.averages()[0].position());
    EXPECT_EQ(resumed.long_averages()[0].position(), trainer.long_averages()[0].position());
  }
}

/// A run of a real network with something planted, saved as a checkpoint's four files.
struct PlantedRun {
  PlantedRun(const std::string& kind, Precision precision, bool replays) : objective(rough_network(kind)) {
    objective.not_a_number = {9, 10, 17};
    Config config = small_config();
    config.train.precision = precision;
    Trainer trainer(objective, config, small_state(config));
    while (trainer.clock().step() < 6) {
      const Examples examples = pictures_at(trainer.clock().position(), 4);
      const StepResult result = trainer.step(examples);
      faults += result.fault.has_value();
      if (result.fault && replays) reproduced += trainer.replay(examples, *result.fault).reproduced;
    }
    save_checkpoint(folder.path(), 24, trainer.snapshot(""));
  }
  TemporaryFolder folder;
  Planted objective;
  int faults = 0, reproduced = 0;
};

TEST(Trainer, ReplaysWithoutAnyEffect) {
  for (const char* kind : {"diffusion", "pix2pix"})
    for (const Precision precision : {Precision::kFloat32, Precision::kFloat16}) {
      const PlantedRun replayed(kind, precision, true), plain(kind, precision, false);
      EXPECT_EQ(replayed.faults, 2);
      EXPECT_EQ(replayed.reproduced, 2);
      expect_same_files(checkpoint_folder(replayed.folder.path(), 24), checkpoint_folder(plain.folder.path(), 24));
    }
}

TEST(Trainer, NamesTheSamplesWhoseLossIsNotFinite) {
  Planted objective(std::make_unique<TwoLines>());
  objective.not_a_number = {1, 3};
  Trainer trainer(objective, small_config(), small_state(small_config()));
  const StepResult result = trainer.step(examples_at(0, 4));
  ASSERT_TRUE(result.fault);
  EXPECT_TRUE(result.fault->in_loss);
  EXPECT_EQ(result.fault->samples, (std::vector<size_t>{1, 3}));
  EXPECT_FALSE(trainer.step(examples_at(4, 4)).fault);
}

TEST(Trainer, LeavesOutTheUpdatesAfterAFaultOnly) {
  for (const size_t faulty : {size_t{0}, size_t{1}}) {
    Planted objective(std::make_unique<TwoLines>());
    objective.not_a_number = {1};
    objective.only_player = faulty;
    Trainer trainer(objective, small_config(), small_state(small_config()));
    const auto weight = [&](const char* player) {
      return trainer.snapshot("").model.at(std::string(player) + ".weight").clone();
    };
    const auto first = weight("generator"), second = weight("discriminator");
    const StepResult result = trainer.step(examples_at(0, 4));
    EXPECT_EQ(result.fault->player, faulty);
    EXPECT_EQ(result.skipped, 2 - faulty);
    EXPECT_EQ(torch::equal(weight("generator"), first), faulty == 0) << "trained before the fault";
    EXPECT_TRUE(torch::equal(weight("discriminator"), second)) << "trained after it, or faulty itself";
  }
}

TEST(Trainer, TakesAnOverflowForAFaultOnlyAtTheSmallestScale) {
  Planted objective(std::make_unique<TwoLines>());
  objective.steep = true;
  Config config = small_config();
  config.train.precision = Precision::kFloat16;
  Trainer trainer(objective, config, small_state(config));
  const auto step = [&] { return trainer.step(examples_at(trainer.clock().position(), 4)); };
  for (int i = 0; i < 16; ++i) {  // 65536 is 2 to the 16th
    const StepResult result = step();
    ASSERT_FALSE(result.fault) << i;
    EXPECT_EQ(result.skipped, 0U);
    EXPECT_EQ(result.overflows, 2U);
  }
  EXPECT_EQ(trainer.state().overflows, 32U);
  EXPECT_EQ(trainer.state().skips_in_a_row, 0U);
  const StepResult exhausted = step();
  ASSERT_TRUE(exhausted.fault);
  EXPECT_FALSE(exhausted.fault->in_loss);
  EXPECT_EQ(exhausted.overflows, 0U);
  EXPECT_EQ(trainer.snapshot("").state["scalers"]["generator"]["scale"], 1) << "it does not fall below";
  EXPECT_EQ(trainer.snapshot("").state["overflows"], 32);
  EXPECT_EQ(run_state_from_json(trainer.snapshot("").state).overflows, 32U);
  for (int i = 0; i < 99; ++i) step();
  EXPECT_NO_THROW(trainer.refuse_divergence());
  step();
  EXPECT_THROW(trainer.refuse_divergence(), std::invalid_argument);
}

TEST(Trainer, CountsARowOfFaultsThroughOverflows) {
  // Faults and overflows by turns are no progress, so they must not go on for ever.
  Planted objective(std::make_unique<TwoLines>());
  Config config = small_config();
  config.train.precision = Precision::kFloat16;
  Trainer trainer(objective, config, small_state(config));
  for (uint64_t i = 1; i <= 4; ++i) {
    const uint64_t position = trainer.clock().position();
    objective.not_a_number = {position};
    objective.steep = false;
    EXPECT_TRUE(trainer.step(examples_at(position, 4)).fault);
    objective.steep = true;
    EXPECT_FALSE(trainer.step(examples_at(position + 4, 4)).fault);
    EXPECT_EQ(trainer.state().skips_in_a_row, i);
  }
  objective.steep = false;
  trainer.step(examples_at(trainer.clock().position(), 4));
  EXPECT_EQ(trainer.state().skips_in_a_row, 0U);
}

/// Counts, on this thread, the numbers that are asked of a tensor. item() waits until the device has done all that was
/// queued; what an operator does inside itself, as those for the CPU do, is its own business.
class AskedNumbers {
 public:
  AskedNumbers() : callback_(at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end))) { count = depth = 0; }
  ~AskedNumbers() { at::removeCallback(callback_); }
  AskedNumbers(const AskedNumbers&) = delete;
  AskedNumbers& operator=(const AskedNumbers&) = delete;

  static inline int count = 0;

 private:
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    if (function.scope() != at::RecordScope::FUNCTION) return nullptr;
    count += depth++ == 0 && std::string_view(function.name()) == "aten::item";
    return nullptr;
  }
  static void end(const at::RecordFunction& function, at::ObserverContext*) {
    if (function.scope() == at::RecordScope::FUNCTION) --depth;
  }
  static inline int depth = 0;
  const at::CallbackHandle callback_;
};

TEST(Trainer, AsksTheDeviceForNoNumberWithinAStep) {
  const auto network = rough_network("diffusion"), drawer = rough_network("pix2pix");
  TwoLines lines;
  for (const Precision precision : {Precision::kFloat32, Precision::kFloat16}) {
    Config config = small_config();
    config.train.precision = precision;
    Trainer one(*network, config, small_state(config)), two(lines, config, small_state(config)),
        three(*drawer, config, small_state(config));
    const AskedNumbers asked;
    one.step(pictures_at(0, 4));
    two.step(examples_at(0, 4));
    three.step(pictures_at(0, 4));
    EXPECT_EQ(asked.count, 0);
    torch::ones({1}).item<float>();
    EXPECT_EQ(asked.count, 1) << "the counting works";
  }
}

TEST(Trainer, GivesUpWhenNothingIsFiniteAnyMore) {
  SmallRun run;
  run.objective.factor = std::numeric_limits<double>::quiet_NaN();
  run.steps(100);
  EXPECT_NO_THROW(run.trainer.refuse_divergence());
  run.step();
  try {
    run.trainer.refuse_divergence();
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("101 steps in a row, up to step 101; runs/train/faults.jsonl says where"),
              std::string::npos)
        << error.what();
  }
}

TEST(Trainer, TimesThePhasesOfAStep) {
  SmallRun run;
  const auto begin = std::chrono::steady_clock::now();
  const PhaseTimes times = run.step().times;
  const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const Phase phase : {Phase::kForward, Phase::kBackward, Phase::kOptimizer, Phase::kAverages, Phase::kOther})
    EXPECT_GT(times[static_cast<size_t>(phase)], 0) << kPhaseNames[static_cast<size_t>(phase)];
  EXPECT_LE(std::accumulate(times.begin(), times.end(), 0.0), whole);
  EXPECT_EQ(times[static_cast<size_t>(Phase::kWait)], 0) << "nobody waited";
}

TEST(Trainer, ComputesHeldOutLossesOfBothWeights) {
  SmallRun run;
  run.steps(30);
  const Examples kept = examples_at(1000, 40);  // more than one batch of them
  const MeanLoss loss = held_out_loss(run.trainer, kept).loss;
  const torch::NoGradGuard no_grad;
  EXPECT_NEAR(loss.raw, run.objective.held_out_loss(kept, 0).mean().item<double>(), 1e-6);
  EXPECT_NE(loss.average, loss.raw);
  EXPECT_NEAR(held_out_loss(run.trainer, kept).loss.raw, loss.raw, 0) << "the weights are handed back";
}

TEST(Trainer, ComputesHeldOutLossesOfEachLabel) {
  SmallRun run;
  run.steps(30);
  Examples kept = examples_at(1000, 40);
  kept.labels = torch::arange(40).remainder(3) - 1;  // none, the first and the second
  const HeldOutLoss loss = held_out_loss(run.trainer, kept);
  ASSERT_EQ(loss.labels.size(), 3U);
  const torch::NoGradGuard no_grad;
  const torch::Tensor each = run.objective.held_out_loss(kept, 0);
  for (int64_t label = -1; label < 2; ++label) {
    const LabelLoss& own = loss.labels[static_cast<size_t>(label + 1)];
    EXPECT_EQ(own.label, label < 0 ? "" : run.objective.spec().labels[static_cast<size_t>(label)]);
    EXPECT_EQ(own.samples, label < 0 ? 14 : 13);
    EXPECT_NEAR(own.loss.raw, each.masked_select(kept.labels.eq(label)).mean().item<double>(), 1e-6);
    EXPECT_NE(own.loss.average, own.loss.raw);
  }
  EXPECT_EQ(held_out_loss(run.trainer, kept).set, loss.set);
  kept.images[39] = 1 - kept.images[39];
  EXPECT_NE(held_out_loss(run.trainer, kept).set, loss.set);
}

TEST(Trainer, TellsHowFarItsPicturesAre) {
  SmallRun run;
  std::vector<double> shares;
  const auto told = [&](double share) { shares.push_back(share); };
  held_out_loss(run.trainer, examples_at(1000, 40), told);
  ASSERT_EQ(shares.size(), 20U) << "four samples each, by the weights and by their averages";
  EXPECT_EQ(shares[0], 0);
  EXPECT_EQ(shares[10], 0.5);
  shares.clear();
  sample_grid(run.trainer, {}, kGridRows, told);
  EXPECT_EQ(shares, (std::vector<double>{0, 0.5})) << "a row for each label";
}

TEST(Trainer, HandsItsWeightsBackWhenItsPicturesAreBrokenOff) {
  SmallRun run;
  run.steps(30);
  const torch::Tensor weights = run.objective.players()[0].module->parameters()[0];
  const torch::Tensor before = weights.detach().clone();
  const auto leave = [&](double share) {
    if (share < 0.5) return;
    EXPECT_FALSE(torch::equal(weights, before)) << "these are the averages";
    throw Interrupted();
  };
  EXPECT_THROW(held_out_loss(run.trainer, examples_at(1000, 40), leave), Interrupted);
  EXPECT_TRUE(torch::equal(weights, before));
  EXPECT_THROW(sample_grid(run.trainer, {}, kGridRows, leave), Interrupted);
  EXPECT_TRUE(torch::equal(weights, before));
}

TEST(Trainer, ShowsExamplesOfEveryLabel) {
  const torch::Tensor labels = torch::tensor({2, 2, 2, 0, 2, -1, 0, 2}, torch::kInt64);
  EXPECT_EQ(rows_to_show(labels, 3), (std::vector<int64_t>{5, 3, 0}));
  EXPECT_EQ(rows_to_show(labels, 5), (std::vector<int64_t>{5, 3, 6, 0, 1}));
  EXPECT_EQ(rows_to_show(labels, 100), (std::vector<int64_t>{5, 3, 6, 0, 1, 2, 4, 7}));
  EXPECT_EQ(rows_to_show(labels, 1), (std::vector<int64_t>{5}));
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
