#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/files.h"
#include "configs/console.h"
#include "configs/settings.h"
#include "models/checkpoint.h"
#include "train/child.h"
#include "train/command.h"
#include "train/compare_runs.h"
#include "train/run_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSteps = 8, kFewestLegs = 2;
constexpr std::string_view kOwnName = "atelier-train: ";  // before each sentence of a child

/// Every setting of the trainer as a flag, so that no environment of the child can say otherwise.
std::vector<std::string> as_flags(const Config& config) {
  std::vector<std::string> flags;
  for (const SettingInfo& setting : list_settings()) {
    if (setting.key.starts_with("generate.")) continue;
    flags.push_back("--" + setting.key);
    flags.push_back(setting_text(config, setting.key));
  }
  return flags;
}

/// Steps that it tells of, so far.
uint64_t lines_of(const fs::path& trace) {
  std::ifstream file(trace, std::ios::binary);
  return static_cast<uint64_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

/// Runs the training of `config` in processes of its own, in folders beside each other.
class Rehearsal {
 public:
  Rehearsal(const Invocation& invocation, const fs::path& folder, uint64_t steps)
      : flags_(as_flags(invocation.config())),
        stop_(invocation.stop),
        folder_(folder),
        steps_(steps),
        told_(show_share(console_, fmt::format("training {} steps straight, and again with stops", steps), stop_)) {}

  /// From here on, whatever the settings say.
  void set(const std::string& key, const std::string& value) {
    *std::next(std::ranges::find(flags_, "--" + key)) = value;
  }

  /// What the run that left `checkpoint` has chosen by trial, which may come out otherwise each time that a run begins.
  void choose_as(const fs::path& checkpoint) {
    const auto choices = verify_checkpoint(checkpoint).state.at("choices");
    set("train.precision", choices.at("precision").get<std::string>());
    set("train.micro_batch", std::to_string(choices.at("micro_batch").get<uint64_t>()));
  }

  /// A run called `name`, up to `steps`, stopped `legs` - 1 times on the way.
  Recorded run(const std::string& name, uint64_t legs) {
    Recorded recorded;
    for (uint64_t leg = 0; leg < legs; ++leg) {
      recorded.traces.push_back(folder_ / fmt::format("{}-{}.trace", name, leg + 1));
      run_leg(name, recorded.traces.back(), (leg + 1) * steps_ / legs, leg > 0);
    }
    recorded.checkpoint = list_checkpoints(folder_ / name).back();
    return recorded;
  }

 private:
  void run_leg(const std::string& name, const fs::path& trace, uint64_t until, bool resumes) {
    set("train.run_dir", folder_ / name);
    set("train.resume", resumes ? "must" : "never");
    std::vector<std::string> arguments = flags_;
    arguments.insert(arguments.end(), {"--until", std::to_string(until), "--trace", trace});
    Child child(std::move(arguments), folder_ / (name + ".log"));
    for (;;) {
      if (const auto code = child.poll()) {
        done_ += lines_of(trace);
        if (*code == kGood) return;
        std::string words = child.last_words();
        if (words.starts_with(kOwnName)) words.erase(0, kOwnName.size());
        const std::string what = fmt::format("the {} run ended with {}: {}", name, *code, words);
        if (*code == kUserMustChange) throw std::invalid_argument(what);
        throw std::runtime_error(what);
      }
      if (stop_.stop_requested()) throw Interrupted{};
      if (console_.progress_due())
        told_(static_cast<double>(done_ + lines_of(trace)) / static_cast<double>(2 * steps_));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  std::vector<std::string> flags_;
  const std::stop_token stop_;
  const fs::path folder_;
  const uint64_t steps_;
  Console console_;
  const std::function<void(double share)> told_;
  uint64_t done_ = 0;  // steps, in legs that have ended
};

}  // namespace

int run_verify_resume(const Invocation& invocation) {
  const TrainConfig& train = invocation.config().train;
  const auto all = static_cast<uint64_t>(train.epochs) * static_cast<uint64_t>(train.steps_per_epoch);
  if (all < kFewestLegs)
    throw std::invalid_argument("a run of one step cannot be resumed: raise train.epochs or train.steps_per_epoch");
  const uint64_t steps = invocation.number("steps", kFewestLegs, all).value_or(std::min(kSteps, all));
  const uint64_t legs = invocation.number("legs", kFewestLegs, steps).value_or(kFewestLegs);
  const fs::path run_dir = (fs::path(train.run_dir) / "").lexically_normal().parent_path();  // without a slash
  const fs::path folder = run_dir.string() + ".verify-resume";
  if (fs::exists(folder))
    throw std::invalid_argument(
        fmt::format("{} is there already, from a comparison before: look at it, then remove it", folder.string()));
  const auto made = make_folder(folder);
  std::vector<std::string> found;
  try {
    Rehearsal rehearsal(invocation, folder, steps);
    const Recorded straight = rehearsal.run("straight", 1);
    rehearsal.choose_as(straight.checkpoint);
    found = differences(straight, rehearsal.run("resumed", legs));
  } catch (...) {
    fs::remove_all(folder);
    throw;
  }
  if (found.empty()) {
    fs::remove_all(folder);
    print(fmt::format("the same run: {} steps straight and in {} legs, every entry, loss and tensor bit for bit\n",
                      steps, legs));
    return kGood;
  }
  for (const std::string& difference : found) print(difference + "\n");
  throw std::runtime_error(
      fmt::format("the resumed run is not the straight one; both are left in {} to look at", folder.string()));
}

}  // namespace atelier
