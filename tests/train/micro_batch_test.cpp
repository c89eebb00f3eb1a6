#include "train/micro_batch.h"

#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <sys/mman.h>

#include "tests/support/temporary_folder.h"
#include "tests/train/fixtures.h"
#include "tests/train/program.h"
#include "train/memory_use.h"

namespace atelier {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Config config_of_nine(const std::string& kind) {
  Config config = small_config();
  config.train.batch_size = 9;
  config.model.kind = kind == "pix2pix" ? Kind::kPix2pix : Kind::kDiffusion;
  return config;
}

/// A run of a small network, 9 samples a step.
struct SmallRun {
  SmallRun(const std::string& kind, uint64_t micro_batch, bool recompute = false)
      : config(config_of_nine(kind)), objective(rough_network(kind)) {
    config.train.recompute = recompute;
    trainer = std::make_unique<Trainer>(*objective, config, small_state(config));
    trainer->set_micro_batch(micro_batch);
  }
  StepResult step() { return trainer->step(pictures_at(trainer->clock().position(), 9)); }
  std::map<std::string, torch::Tensor> weights() const { return trainer->snapshot("").model; }

  Config config;
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Trainer> trainer;
};

class MicroBatch : public testing::TestWithParam<std::string> {};

TEST_P(MicroBatch, ChangesALossByRoundingOnly) {
  SmallRun whole(GetParam(), 0);
  std::vector<StepResult> wanted;
  for (int step = 0; step < 4; ++step) wanted.push_back(whole.step());
  for (const uint64_t at_once : {1, 2, 4, 8}) {
    SmallRun parts(GetParam(), at_once);
    for (const StepResult& step : wanted) {
      const StepResult got = parts.step();
      ASSERT_EQ(got.losses.size(), step.losses.size());
      for (size_t player = 0; player < step.losses.size(); ++player) {
        EXPECT_NEAR(got.losses[player], step.losses[player], 1e-5 * std::abs(step.losses[player])) << at_once;
        EXPECT_NEAR(got.norms[player], step.norms[player], 1e-4 * step.norms[player]) << at_once;
        ASSERT_EQ(got.sample_losses[player].size(), 9U);
        for (size_t i = 0; i < 9; ++i)
          EXPECT_NEAR(got.sample_losses[player][i], step.sample_losses[player][i],
                      1e-4 * std::abs(step.sample_losses[player][i]));
      }
    }
  }
}

TEST_P(MicroBatch, OfTheWholeBatchIsTheWholeBatch) {
  SmallRun whole(GetParam(), 0), larger(GetParam(), 64);
  for (int step = 0; step < 2; ++step) EXPECT_EQ(whole.step().losses, larger.step().losses);
}

TEST_P(MicroBatch, OfALossThatIsNotFiniteIsFoundInItsPart) {
  Config config = config_of_nine(GetParam());
  Planted planted(rough_network(GetParam()));
  planted.not_a_number = {5};
  planted.only_player = planted.players().size() - 1;
  Trainer trainer(planted, config, small_state(config));
  trainer.set_micro_batch(2);
  const Examples examples = pictures_at(0, 9);
  const StepResult result = trainer.step(examples);
  ASSERT_TRUE(result.fault);
  EXPECT_EQ(result.fault->samples, std::vector<size_t>{5});
  const Replay replay = trainer.replay(examples, *result.fault);
  EXPECT_TRUE(replay.reproduced);
  EXPECT_TRUE(replay.place);
}

TEST_P(MicroBatch, IsTriedWithoutChangingTheRun) {
  SmallRun tried(GetParam(), 0), wanted(GetParam(), 0);
  std::vector<uint64_t> numbers;
  EXPECT_EQ(find_micro_batch(*tried.trainer, {16, 16}, [&](uint64_t images) { numbers.push_back(images); }), 9U);
  EXPECT_EQ(numbers, std::vector<uint64_t>{9});
  EXPECT_EQ(tried.step().losses, wanted.step().losses);
  for (const auto& [name, weight] : wanted.weights())
    EXPECT_TRUE(torch::equal(weight, tried.weights().at(name))) << name;
}

/// Out of memory for the last player of more than `room` images.
class Cramped : public Planted {
 public:
  Cramped(const std::string& kind, size_t room) : Planted(rough_network(kind)), room_(room) {}
  torch::Tensor loss(size_t player, const Examples& examples, uint64_t seed) override {
    if (player + 1 == players().size() && examples.positions.size() > room_)
      TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory.");
    return Planted::loss(player, examples, seed);
  }

 private:
  size_t room_;
};

TEST_P(MicroBatch, IsHalvedUntilItFitsWithoutChangingTheRun) {
  const Config config = config_of_nine(GetParam());
  Cramped cramped(GetParam(), 3);
  Trainer trainer(cramped, config, small_state(config));
  std::vector<uint64_t> numbers;
  EXPECT_EQ(find_micro_batch(trainer, {16, 16}, [&](uint64_t images) { numbers.push_back(images); }), 3U);
  EXPECT_EQ(numbers, (std::vector<uint64_t>{9, 5, 3}));
  trainer.set_micro_batch(3);
  SmallRun wanted(GetParam(), 3);
  for (int step = 0; step < 2; ++step)
    EXPECT_EQ(trainer.step(pictures_at(trainer.clock().position(), 9)).losses, wanted.step().losses);

  Cramped too_small(GetParam(), 0);
  Trainer without(too_small, config, small_state(config));
  EXPECT_THROW(find_micro_batch(without, {16, 16}, [](uint64_t) {}), OutOfMemory);
}

INSTANTIATE_TEST_SUITE_P(OfBoth, MicroBatch, testing::Values("diffusion", "pix2pix"));

TEST(Recompute, ChangesALossByRoundingOnly) {
  SmallRun plain("diffusion", 0), recomputing("diffusion", 0, true);
  for (int step = 0; step < 3; ++step) {
    const StepResult wanted = plain.step(), got = recomputing.step();
    EXPECT_NEAR(got.losses[0], wanted.losses[0], 1e-5 * wanted.losses[0]);
    EXPECT_NEAR(got.norms[0], wanted.norms[0], 1e-4 * wanted.norms[0]);
  }
}

TEST(Recompute, IsOnAgainAfterAReplay) {
  Config config = config_of_nine("diffusion");
  config.train.recompute = true;
  struct Watched : Planted {
    using Planted::Planted;
    void set_recompute(bool on) override {
      is_on = on;
      Planted::set_recompute(on);
    }
    torch::Tensor loss(size_t player, const Examples& examples, uint64_t seed) override {
      was_on.push_back(is_on);
      if (was_on.size() == 2) throw std::bad_alloc();
      return Planted::loss(player, examples, seed);
    }
    bool is_on = false;
    std::vector<bool> was_on;
  } watched(rough_network("diffusion"));
  watched.not_a_number = {5};
  Trainer trainer(watched, config, small_state(config));
  const Examples examples = pictures_at(0, 9);
  const StepResult result = trainer.step(examples);
  ASSERT_TRUE(result.fault);
  EXPECT_THROW(trainer.replay(examples, *result.fault), std::bad_alloc);
  EXPECT_EQ(watched.was_on, (std::vector<bool>{true, false}));
  EXPECT_TRUE(watched.is_on);
}

TEST(OutOfMemory, IsToldFromOtherErrors) {
  const auto says = [](const char* text) {
    try {
      TORCH_CHECK(false, text);
    } catch (const std::exception& error) {
      return is_out_of_memory(error);
    }
    return false;
  };
  EXPECT_TRUE(says("CUDA error: out of memory"));
  EXPECT_TRUE(says("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"));
  EXPECT_TRUE(says("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"));
  EXPECT_FALSE(says("CUDA error: an illegal memory access was encountered"));
  EXPECT_TRUE(is_out_of_memory(std::bad_alloc()));
  EXPECT_FALSE(is_out_of_memory(std::runtime_error("out of memory, says a server")));
}

TEST(LargestThatFits, HalvesUntilItDoes) {
  const auto of = [](uint64_t batch, uint64_t room) {
    return largest_that_fits(batch, [&](uint64_t images) { return images <= room; });
  };
  EXPECT_EQ(of(16, 16), 16U);
  EXPECT_EQ(of(16, 15), 8U);
  EXPECT_EQ(of(12, 5), 3U);
  EXPECT_EQ(of(12, 2), 2U);
  EXPECT_EQ(of(12, 1), 1U);
  EXPECT_EQ(of(1, 1), 1U);
  EXPECT_FALSE(of(12, 0));
  EXPECT_FALSE(of(1, 0));
}

TEST(NotedMicroBatch, IsReadAsItWasWritten) {
  const TemporaryFolder folder;
  EXPECT_FALSE(noted_micro_batch(folder.path()));
  note_micro_batch(folder.path(), 12);
  EXPECT_EQ(noted_micro_batch(folder.path()), 12U);
  std::ofstream(folder.path() / "micro-batch") << "many\n";
  EXPECT_THROW(noted_micro_batch(folder.path()), std::runtime_error);
}

class MicroBatchOfARun : public Training {};

TEST_F(MicroBatchOfARun, IsTheSameRunWhenItIsResumed) {
  auto verify = arguments(folder_ / "run", "pix2pix", {{"train.micro_batch", "3"}});
  verify.insert(verify.begin(), "verify-resume");
  std::string log;
  EXPECT_EQ(run(verify, &log), 0) << log;
}

TEST_F(MicroBatchOfARun, MayBeLargerThanTheBatch) {
  std::string log;
  const auto some = arguments(folder_ / "run", "diffusion", {{"train.micro_batch", "64"}, {"train.epochs", "2"}});
  auto leg = some;
  leg.insert(leg.end(), {"--until", "3"});
  ASSERT_EQ(run(leg, &log), 0) << log;
  ASSERT_EQ(run(some, &log), 0) << log;
  EXPECT_EQ(verify_checkpoint(list_checkpoints(folder_ / "run").back()).state.at("choices").at("micro_batch"), 64);
}

/// The real program, whose larger tensors find no memory while `limit_` is there.
class SmallMemory : public Training {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer has an allocator of its own";
#endif
    setenv("LD_PRELOAD", SMALL_MEMORY, 1);
    setenv("SMALL_MEMORY", limit_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("LD_PRELOAD");
    unsetenv("SMALL_MEMORY");
  }
  void limit_to(size_t bytes) {
    std::ofstream(folder_ / "new") << bytes;  // appears whole
    fs::rename(folder_ / "new", limit_);
  }
  /// Steps of 8 images, whose largest tensors are of 8 (channels) x 32 x 32 floats an image.
  std::vector<std::string> of_eight(const fs::path& run_dir, Settings more = {}) {
    more.merge(Settings{{"data.image_size", "32"},
                        {"train.batch_size", "8"},
                        {"data.held_out", "0"},
                        {"model.kind", "diffusion"},
                        {"train.average_snapshots", "0"}});
    return arguments(run_dir, "diffusion", more);
  }
  static constexpr size_t kImage = 24 * 32 * 32 * sizeof(float);  // of the widest tensor: 24 channels at full size

  const fs::path limit_ = folder_ / "limit";
};

TEST_F(SmallMemory, GivesAStepFewerImagesAtOnce) {
  limit_to(3 * kImage);
  std::string log;
  ASSERT_EQ(run(of_eight(folder_ / "run", {{"train.epochs", "1"}}), &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("2 images at once: the gradients of a step's 8 are added up"));
  fs::remove(limit_);
  std::vector<std::string> longer = of_eight(folder_ / "run", {{"train.epochs", "2"}});
  longer.emplace_back("--accept-changes");
  ASSERT_EQ(run(longer, &log), 0) << log;
  EXPECT_THAT(log, HasSubstr("2 images at once")) << "as the state has it";
}

TEST_F(SmallMemory, OfNotEvenOneImageIsRefused) {
  limit_to(kImage / 2);
  std::string log;
  EXPECT_EQ(run(of_eight(folder_ / "run"), &log), 2);
  EXPECT_THAT(log, HasSubstr("Not even one image of 32 x 32 pixels fits into the memory of the machine"));
  EXPECT_FALSE(fs::exists(folder_ / "run/positions"));

  std::vector<std::string> plan = of_eight(folder_ / "planned");
  plan.emplace_back("--plan");
  EXPECT_EQ(run(plan, &log), 2);
  EXPECT_THAT(log, HasSubstr("Not even one image of 32 x 32 pixels fits into the memory of the machine"));
  EXPECT_FALSE(fs::exists(folder_ / "planned"));
}

TEST_F(SmallMemory, ThatDoesNotHoldTheWeightsIsSaid) {
  limit_to(100'000);
  std::string log;
  EXPECT_EQ(run(of_eight(folder_ / "run", {{"model.channels", "64"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("the start ran out of memory, before any step: set a smaller model.channels"));
}

TEST(MemoryBound, RefusesWhatTheMachineDoesNotHave) {
  const uint64_t all = memory_of_machine().all;
  const auto is_given = [&] {  // without being used, and beyond what the kernel takes for an obvious mistake
    void* memory = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED && munmap(memory, all) == 0;
  };
  EXPECT_TRUE(is_given());
  {
    const MemoryBound of_a_gpu(torch::kCUDA);
    EXPECT_TRUE(is_given());
    const MemoryBound bound(torch::kCPU);
    EXPECT_FALSE(is_given());
    EXPECT_NO_THROW(std::vector<char>(1 << 26)) << "there is more than that";
  }
  EXPECT_TRUE(is_given());
}

TEST(MemoryOfAGroup, IsTheLeastOfItsOwnAndThoseAboveIt) {
  const TemporaryFolder top;
  const auto say = [&](const char* file, const char* text) {
    fs::create_directories((top / file).parent_path());
    std::ofstream(top / file) << text << '\n';
  };
  constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  EXPECT_EQ(limit_of_groups("0::/jobs/7/step\n", top.path()), kNone);
  say("jobs/7/step/memory.max", "max");
  say("jobs/7/memory.max", "4000");
  say("jobs/memory.max", "9000");
  EXPECT_EQ(limit_of_groups("0::/jobs/7/step\n", top.path()), 4000U);
  EXPECT_EQ(limit_of_groups("0::/jobs\n", top.path()), 9000U);
  EXPECT_EQ(limit_of_groups("0::/\n", top.path()), kNone);
  EXPECT_EQ(limit_of_groups("0::/../jobs\n", top.path()), 9000U) << "as seen from another group";
  say("memory/slurm/1/memory.limit_in_bytes", "3000");
  say("memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(limit_of_groups("5:cpu:/x\n4:hugetlb,memory:/slurm/1\n0::/\n", top.path()), 3000U);
  EXPECT_EQ(limit_of_groups("4:memory:/other/1\n", top.path()), 9223372036854771712U);
}

TEST_F(SmallMemory, EndsWith75AndGoesOnWithHalfAsMany) {
  const fs::path run_dir = folder_ / "run";
  std::string log;
  {
    Process process(of_eight(run_dir), folder_ / "log");
    ASSERT_TRUE(wait_for_checkpoints(process, run_dir, 2)) << process.log();
    limit_to(5 * kImage);
    ASSERT_EQ(process.wait(), 75) << process.log();
    log = process.log();
  }
  const auto saved = list_checkpoints(run_dir);
  EXPECT_THAT(log, HasSubstr(fmt::format("ran out of memory with 8 images at once; the same command goes on from "
                                         "position {} with 4 at once",
                                         *position_of(saved.back()))));
  verify_checkpoint(saved.back());
  EXPECT_EQ(noted_micro_batch(run_dir), 4U);

  auto more = of_eight(run_dir);
  more.insert(more.end(), {"--until", std::to_string(*position_of(saved.back()) / 8 + 3)});
  ASSERT_EQ(run(more, &log), 0) << log;
  EXPECT_THAT(log, AllOf(HasSubstr("has run out of memory with 8 images at once: from here on it is 4"),
                         HasSubstr("4 images at once: the gradients of a step's 8 are added up")));
  const auto state = verify_checkpoint(list_checkpoints(run_dir).back()).state;
  EXPECT_EQ(state.at("choices").at("micro_batch"), 4);
}

TEST_F(SmallMemory, ThatWasAskedForIsNotHalved) {
  limit_to(3 * kImage);
  std::string log;
  EXPECT_EQ(run(of_eight(folder_ / "run", {{"train.micro_batch", "4"}}), &log), 2);
  EXPECT_THAT(log, HasSubstr("step 1 ran out of memory with train.micro_batch 4: lower it"));
  EXPECT_FALSE(fs::exists(folder_ / "run/micro-batch"));
}

}  // namespace
}  // namespace atelier
