#include <chrono>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/files.h"
#include "configs/console.h"
#include "configs/printable.h"
#include "train/background.h"
#include "train/child.h"
#include "train/command.h"

// atelier-train --detach, status RUN and stop RUN

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::milliseconds kPoll{50};

void refuse_no_run(const fs::path& run_dir) {
  if (!fs::exists(run_dir / "status.json") && !fs::is_directory(run_dir / "positions") && !trainer_in(run_dir))
    throw std::invalid_argument(fmt::format("there is no run at {}", run_dir.string()));
}

/// status.json, with what became of the process that wrote it.
json status_of(const fs::path& run_dir) {
  json status = json::object();
  if (fs::exists(run_dir / "status.json"))
    status = json::parse(read_file(run_dir / "status.json"), nullptr, /*allow_exceptions=*/false);
  if (!status.is_object()) throw std::runtime_error(fmt::format("{}/status.json is damaged", run_dir.string()));
  const auto trainer = trainer_in(run_dir);
  const json wrote = std::exchange(status["pid"], trainer ? json(*trainer) : json(nullptr));
  if (trainer && wrote != *trainer) status["state"] = "starting";
  if (!trainer && status.value("state", "starting") == "running") status["state"] = "killed";
  return status;
}

std::string text_of(const fs::path& run_dir, const json& status) {
  std::string text = fmt::format("{}: {}", run_dir.string(), status.value("state", "not started"));
  if (!status["pid"].is_null()) text += fmt::format(" (process {})", status["pid"].get<int64_t>());
  if (status.contains("step"))
    text += fmt::format(", epoch {}, step {}, position {} of {}", status.value("epoch", 0), status.value("step", 0),
                        status.value("position", 0), status.value("total_positions", 0));
  if (status.value("state", "") == "running")
    text += fmt::format(", {:.4g} images/s, waiting {:.0f} %, {}", status.value("images_per_second", 0.0),
                        100 * status.value("waiting", 0.0), time_left(status.value("seconds_left", 0.0)));
  if (status.contains("held_out") && status["held_out"].is_object())
    text += fmt::format(", held-out {} {:.4f} (average {:.4f})", status["held_out"].value("name", "loss"),
                        status["held_out"].value("raw", 0.0), status["held_out"].value("average", 0.0));
  if (status.value("state", "") == "killed") text += "; the command that began it goes on from its newest checkpoint";
  return text;
}

}  // namespace

int run_detached(const Invocation& invocation) {
  const fs::path run_dir = invocation.config().train.run_dir;
  if (const auto trainer = trainer_in(run_dir))
    throw std::invalid_argument(
        fmt::format("Another atelier-train, process {}, works in {}: wait for it, stop it by "
                    "atelier-train stop {}, or choose another train.run_dir.",
                    *trainer, run_dir.string(), run_dir.string()));
  std::vector<std::string> arguments = as_flags(invocation.config());
  for (const auto& [name, value] : invocation.flags) {
    if (name == "detach") continue;
    arguments.push_back("--" + name);
    if (value != "true") arguments.push_back(value);
  }
  std::error_code error;
  fs::create_directories(run_dir, error);  // the child says what is wrong with it
  Console console;
  Child child = Child::in_background(std::move(arguments), run_dir / kLogFile);
  while (trainer_in(run_dir) != child.process() || status_of(run_dir).value("state", "") != "running") {
    if (const auto code = child.poll()) {
      console.clear();
      console.say(child.last_words());
      return *code;
    }
    if (invocation.stop.stop_requested()) throw Interrupted{};  // which ends the child, too
    console.progress("starting: " + child.last_words());
    std::this_thread::sleep_for(kPoll);
  }
  console.clear();
  console.say(
      fmt::format("process {} trains in the background and writes to {}; atelier-train status {} tells how far "
                  "it is, atelier-train stop {} saves and ends it",
                  child.process(), (run_dir / kLogFile).string(), run_dir.string(), run_dir.string()));
  child.let_go();
  return kGood;
}

int run_status(const Invocation& invocation) {
  const fs::path run_dir = invocation.positional.at(1);
  refuse_no_run(run_dir);
  const json status = status_of(run_dir);
  print((invocation.flag("json") ? status.dump() : printable(text_of(run_dir, status))) + "\n");
  return kGood;
}

int run_stop(const Invocation& invocation) {
  const fs::path run_dir = invocation.positional.at(1);
  refuse_no_run(run_dir);
  Console console;
  if (const auto trainer = trainer_in(run_dir)) {
    if (::kill(*trainer, SIGINT) != 0)
      throw std::runtime_error(fmt::format("process {} cannot be asked to stop: it belongs to another user", *trainer));
    while (trainer_in(run_dir) == trainer) {
      if (invocation.stop.stop_requested()) throw Interrupted{};
      console.progress(fmt::format("process {} ends its step and saves", *trainer));
      std::this_thread::sleep_for(kPoll);
    }
    console.clear();
  }
  print(printable(text_of(run_dir, status_of(run_dir))) + "\n");
  return kGood;
}

}  // namespace atelier
