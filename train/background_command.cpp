#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/files.h"
#include "configs/console.h"
#include "train/background.h"
#include "train/child.h"
#include "train/command.h"
#include "train/run_folder.h"
#include "train/run_status.h"

// atelier-train --detach, status RUN and stop RUN

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPoll{50};
constexpr std::chrono::minutes kLongStart{10};  // of a run that holds its lock

/// The words that this program was started with, but --detach.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  words.erase(words.begin());  // the program
  std::erase(words, "--detach");
  return words;
}

/// RUN/log.txt, and RUN where need be; both are removed again unless they are kept or were there before. While it
/// lives, nobody else starts a run there in the background.
class Log {
 public:
  explicit Log(const fs::path& run_dir) : run_dir_(run_dir), made_(make_folder(run_dir)) {
    if (!std::ofstream(path(), std::ios::app))
      throw std::invalid_argument(fmt::format("{} cannot be written ({}): choose another train.run_dir.",
                                              path().string(), std::strerror(errno)));
    alone_ = FileLock::try_acquire(path());
    if (!alone_)
      throw std::invalid_argument(
          fmt::format("Another atelier-train is starting a run in {}: wait for it, or choose another train.run_dir.",
                      run_dir.string()));
    is_new_ = fs::is_empty(path());
  }
  ~Log() {
    std::error_code ignored;
    if (is_new_) fs::remove(path(), ignored);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  fs::path path() const { return run_dir_ / kLogFile; }
  void keep() { is_new_ = false; }

 private:
  const fs::path run_dir_;
  std::optional<MadeFolder> made_;  // goes last
  std::optional<FileLock> alone_;
  bool is_new_ = false;
};

/// Whether `process` has written that it trains.
bool is_training(const fs::path& run_dir, pid_t process) try {
  return trainer_in(run_dir) == process && run_status(run_dir).at("state") == "running";
} catch (const std::exception&) {
  return false;  // what an earlier trainer has left is damaged; this one writes it anew
}

}  // namespace

int run_detached(const Invocation& invocation) {
  const fs::path run_dir = invocation.config().train.run_dir;
  Log log(run_dir);
  if (const auto trainer = trainer_in(run_dir))
    throw std::invalid_argument(
        fmt::format("Another atelier-train, process {}, works in {}: wait for it, stop it by "
                    "atelier-train stop {}, or choose another train.run_dir.",
                    *trainer, run_dir.string(), run_dir.string()));
  Console console;
  Child child = Child::in_background(own_arguments(), log.path());
  for (const auto begin = Time::now(); !is_training(run_dir, child.process()); std::this_thread::sleep_for(kPoll)) {
    if (const auto code = child.poll()) {
      console.clear();
      if (*code == kGood || *code == kStartAgain) log.keep();
      const std::string words = child.last_words();
      console.say(words.empty() ? fmt::format("the run ended with {} and without a word", *code) : words);
      return *code;
    }
    if (invocation.stop.stop_requested()) throw Interrupted{};  // which ends the child, too
    if (Time::now() - begin > kLongStart && trainer_in(run_dir) == child.process()) break;
    console.progress("starting: " + child.last_words());
  }
  console.clear();
  console.say(
      fmt::format("process {0} trains in the background and writes to {1}; atelier-train status {2} tells how "
                  "far it is, atelier-train stop {2} saves and ends it",
                  child.process(), log.path().string(), run_dir.string()));
  log.keep();
  child.let_go();
  return kGood;
}

int run_status(const Invocation& invocation) {
  const fs::path run_dir = invocation.positional.at(1);
  const nlohmann::json status = run_status(run_dir);
  print((invocation.flag("json") ? status.dump() : status_text(run_dir, status)) + "\n");
  return kGood;
}

int run_stop(const Invocation& invocation) {
  const fs::path run_dir = invocation.positional.at(1);
  nlohmann::json status = run_status(run_dir);
  const auto trainer = trainer_in(run_dir);
  if (!trainer && status.at("state") == "running elsewhere") throw std::runtime_error(status_text(run_dir, status));
  if (trainer) {
    if (::kill(*trainer, SIGUSR1) != 0 && errno != ESRCH)
      throw std::system_error(errno, std::generic_category(), fmt::format("cannot ask process {} to stop", *trainer));
    Console console;
    while (trainer_in(run_dir) == trainer || FileLock::is_held(run_dir / kLockFile)) {
      if (invocation.stop.stop_requested()) throw Interrupted{};
      console.progress(fmt::format("process {} ends its step and saves", *trainer));
      std::this_thread::sleep_for(kPoll);
    }
    console.clear();
    status = run_status(run_dir);
  }
  print(status_text(run_dir, status) + "\n");
  const std::string state = status.at("state");
  if (state == "killed" || state == "failed")
    throw std::runtime_error(
        fmt::format("the run has ended, but not as it should; if it ran in the background, {} may say why",
                    (run_dir / kLogFile).string()));
  return kGood;
}

}  // namespace atelier
