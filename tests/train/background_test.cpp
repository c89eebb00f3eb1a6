#include "train/background.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/train/program.h"

namespace atelier {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

/// Runs in the background; whatever a test leaves is killed.
class InTheBackground : public Training {
 protected:
  ~InTheBackground() override {
    if (const auto trainer = trainer_in(run_)) kill(*trainer, SIGKILL);
  }

  int detached(Settings other = {}, std::string* log = nullptr) const {
    std::vector<std::string> words = arguments(run_, "pix2pix", std::move(other));
    words.emplace_back("--detach");
    return run(words, log);
  }

  nlohmann::json status() const {
    std::string log, said;
    EXPECT_EQ(run({"status", run_, "--json"}, &log, &said), 0) << log;
    return nlohmann::json::parse(said, nullptr, /*allow_exceptions=*/false);
  }

  const fs::path run_ = folder_ / "run";
};

TEST_F(InTheBackground, TrainsUntilItIsStopped) {
  std::string log, said;
  ASSERT_EQ(detached({{"train.resume", "never"}}, &log), 0) << log;
  const auto trainer = trainer_in(run_);
  ASSERT_TRUE(trainer);
  EXPECT_THAT(log, HasSubstr("process " + std::to_string(*trainer) + " trains in the background"));
  EXPECT_EQ(read_file(run_ / "pid"), std::to_string(*trainer) + "\n");
  EXPECT_EQ(getsid(*trainer), *trainer) << "it belongs to no terminal";
  EXPECT_EQ(status()["state"], "running");
  EXPECT_EQ(status()["pid"], *trainer);

  EXPECT_EQ(detached({}, &log), 2);
  EXPECT_THAT(log, HasSubstr("atelier-train stop"));

  ASSERT_EQ(run({"stop", run_}, &log, &said), 0) << log;
  EXPECT_THAT(said, HasSubstr("run: interrupted, epoch"));
  EXPECT_FALSE(trainer_in(run_));
  EXPECT_FALSE(fs::exists(run_ / "pid"));
  const auto ended = status();
  EXPECT_EQ(ended["state"], "interrupted");
  EXPECT_TRUE(ended["pid"].is_null());
  EXPECT_EQ(position_of(list_checkpoints(run_).back()), ended["position"]) << "it saved";
  EXPECT_THAT(read_file(run_ / "log.txt"), HasSubstr("interrupted and saved at position"));
  EXPECT_EQ(run({"stop", run_}, &log, &said), 0) << "what is to be is so already";
}

TEST_F(InTheBackground, SaysAtOnceWhatCannotWork) {
  std::string log;
  EXPECT_EQ(detached({{"data.list", folder_ / "no.csv"}}, &log), 2);
  EXPECT_THAT(log, HasSubstr("no.csv"));
  EXPECT_FALSE(trainer_in(run_));
  EXPECT_EQ(run({"status", folder_ / "nothing"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("there is no run at"));
}

TEST_F(InTheBackground, KnowsOfARunThatWasKilled) {
  std::string log, said;
  ASSERT_EQ(detached({}, &log), 0) << log;
  const auto trainer = trainer_in(run_);
  ASSERT_TRUE(trainer);
  kill(*trainer, SIGKILL);
  while (trainer_in(run_)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE(fs::exists(run_ / "pid")) << "nobody could remove it";
  EXPECT_EQ(run({"status", run_}, &log, &said), 0) << log;
  EXPECT_THAT(said, HasSubstr("run: killed"));
  EXPECT_EQ(detached({}, &log), 0) << log << "and goes on";
  EXPECT_NE(trainer_in(run_), trainer);
}

TEST_F(InTheBackground, IsNotAnotherProcessOfTheSameNumber) {
  fs::create_directories(run_);
  std::ofstream(run_ / "pid") << getpid() << '\n';
  EXPECT_FALSE(trainer_in(run_)) << "this is a test, not a trainer";
  std::ofstream(run_ / "pid") << "-1\n";
  EXPECT_FALSE(trainer_in(run_));
  std::ofstream(run_ / "pid") << "no number\n";
  EXPECT_FALSE(trainer_in(run_));
}

TEST_F(InTheBackground, IsNotTheTrainerOfAnotherRun) {
  ASSERT_EQ(detached(), 0);
  ASSERT_TRUE(trainer_in(run_));
  const fs::path other = folder_ / "other";
  fs::create_directories(other);
  std::ofstream(other / "lock");
  fs::copy_file(run_ / "pid", other / "pid");
  EXPECT_FALSE(trainer_in(other));
}

}  // namespace
}  // namespace atelier
