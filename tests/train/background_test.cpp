#include "train/background.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/train/program.h"
#include "train/run_status.h"

namespace atelier {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

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
  fs::create_directories(run_ / "positions" / "000000000008");
  EXPECT_EQ(run({"status", run_ / "positions" / "000000000008/"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("is one position of a run: name the run's folder, " + run_.string()));
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

TEST_F(InTheBackground, IsSavedHoweverOftenItIsAskedToStop) {
  std::string log, said;
  ASSERT_EQ(detached({}, &log), 0) << log;
  const auto trainer = trainer_in(run_);
  ASSERT_TRUE(trainer);
  for (int i = 0; i < 100; ++i) kill(*trainer, SIGUSR1);  // as stop does
  ASSERT_EQ(run({"stop", run_}, &log, &said), 0) << log;
  EXPECT_EQ(position_of(list_checkpoints(run_).back()), status()["position"]);
  EXPECT_EQ(detached({}, &log), 0) << "the folder is free once stop is back: " << log;
}

TEST_F(InTheBackground, IsStartedOnceWhoeverAsksAtTheSameTime) {
  std::vector<std::string> words = arguments(run_, "pix2pix");
  words.emplace_back("--detach");
  Process one(words, folder_ / "one"), other(words, folder_ / "other");
  const int codes = one.wait() + other.wait();
  EXPECT_EQ(codes, 2) << one.log() << other.log();
  EXPECT_THAT(one.log() + other.log(), HasSubstr("Another atelier-train"));
  EXPECT_TRUE(trainer_in(run_));
  EXPECT_THAT(read_file(run_ / "log.txt"), Not(HasSubstr("Another atelier-train"))) << "the log is one run's";
}

TEST_F(InTheBackground, NeedsAFolderThatCanBeWritten) {
  std::ofstream(folder_ / "file") << "no folder";
  std::vector<std::string> words = arguments(folder_ / "file" / "run", "pix2pix");
  words.emplace_back("--detach");
  std::string log;
  EXPECT_EQ(run(words, &log), 2);
  EXPECT_THAT(log, HasSubstr("choose another train.run_dir"));
  std::vector<std::string> must = arguments(folder_ / "none", "pix2pix", {{"train.resume", "must"}});
  must.emplace_back("--detach");
  EXPECT_EQ(run(must, &log), 2);
  EXPECT_FALSE(fs::exists(folder_ / "none")) << "what cannot work leaves nothing behind";
}

TEST(RunStatus, IsWhatIsTrueByNow) {
  const nlohmann::json running = {{"state", "running"}, {"pid", 7}};
  EXPECT_EQ(status_by_now(running, 7, true)["state"], "running");
  EXPECT_EQ(status_by_now(running, 8, true)["state"], "starting") << "another one wrote that";
  EXPECT_EQ(status_by_now(running, {}, true)["state"], "running elsewhere");
  EXPECT_EQ(status_by_now(running, {}, false)["state"], "killed");
  EXPECT_EQ(status_by_now({{"state", "finished"}, {"pid", 7}}, {}, false)["state"], "finished");
  EXPECT_EQ(status_by_now(nlohmann::json::object(), {}, false)["state"], "not started");
  EXPECT_EQ(status_by_now({{"state", 5}}, {}, false)["state"], "not started");
  EXPECT_TRUE(status_by_now(running, {}, false)["pid"].is_null());
}

TEST(RunStatus, IsToldWhateverItsNumbersAre) {
  const nlohmann::json status = {{"state", "running"},
                                 {"pid", 7},
                                 {"step", uint64_t{1} << 40},
                                 {"epoch", nullptr},
                                 {"position", uint64_t{1} << 53},
                                 {"total_positions", "many"},
                                 {"images_per_second", nullptr},
                                 {"seconds_left", 61},
                                 {"held_out", {{"raw", nullptr}, {"average", 0.5}}}};
  EXPECT_EQ(status_text("run", status),
            "run: running (process 7), epoch ?, step 1099511627776, position 9007199254740992 of ?, 0:01:01 left, "
            "held-out loss not finite (average 0.5000)");
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
