#include <chrono>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <malloc.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <torch/torch.h>
#include <utility>
#include <vector>

#include "base/files.h"
#include "configs/console.h"
#include "configs/program.h"
#include "data/open_source.h"
#include "data/progress.h"
#include "data/rebase.h"
#include "data/stream.h"
#include "models/objective.h"
#include "train/checkpoint.h"
#include "train/examples.h"
#include "train/grid.h"
#include "train/held_out.h"
#include "train/report.h"
#include "train/run_folder.h"
#include "train/run_state.h"
#include "train/trainer.h"

/// atelier-train: batch -> loss -> step -> checkpoint.
namespace atelier {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::steady_clock;

double seconds_between(Time::time_point from, Time::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// True at most once in so many seconds.
class Every {
 public:
  explicit Every(double seconds) : seconds_(seconds) {}
  bool due() {
    const auto now = Time::now();
    if (seconds_between(last_, now) < seconds_) return false;
    last_ = now;
    return true;
  }

 private:
  double seconds_;
  Time::time_point last_ = Time::now();
};

/// A run under way.
class Run {
 public:
  Run(const Config& config, Trainer& trainer, Report& report, Stream& stream, Console& console, Examples held_out,
      Examples shown)
      : config_(config),
        trainer_(trainer),
        report_(report),
        stream_(stream),
        console_(console),
        held_out_(std::move(held_out)),
        shown_(std::move(shown)) {}

  int train(const std::stop_token& stop) try {
    while (!clock().finished() && !stop.stop_requested() && step(stop)) {
      if (epoch_ends()) end_epoch();
    }
    if (saved_ != clock().position()) save();
    tolerate([&] { write_stream_report(); }, "");
    report_.status(clock(), clock().finished() ? "finished" : "interrupted");
    if (clock().finished()) return kGood;
    console_.say(
        fmt::format("interrupted and saved at position {}; the same command goes on from there", clock().position()));
    return kInterrupted;
  } catch (const std::exception&) {
    tolerate([&] { report_.status(clock(), "failed"); }, "");
    tolerate([&] { write_stream_report(); }, "");
    throw;
  }

 private:
  const Clock& clock() const { return trainer_.clock(); }
  bool epoch_ends() const {
    return clock().finished() || clock().step() % static_cast<uint64_t>(config_.train.steps_per_epoch) == 0;
  }
  /// The epoch that just ended, from 1.
  int64_t epoch() const { return (static_cast<int64_t>(clock().step()) - 1) / config_.train.steps_per_epoch + 1; }

  /// False: stopped while it waited for data.
  bool step(const std::stop_token& stop) {
    const auto asked = Time::now();
    const Batch batch = next_batch(stop);
    if (batch.size == 0) return false;
    const auto got = Time::now();
    const StepResult result = trainer_.step(to_examples(batch, trainer_.state().choices.device));
    const auto done = Time::now();
    if (result.skipped > 0)
      console_.warn(fmt::format("step {}: an update was not finite and was left out", clock().step()));
    tolerate([&] {
      report_.step(clock(), result, {seconds_between(asked, got), seconds_between(got, done)});
      if (status_.due()) report_.status(clock(), "running");
      if (stream_report_.due()) write_stream_report();
    });
    if (!epoch_ends() && console_.progress_due()) console_.progress(report_.progress(clock()));
    return true;
  }

  /// A stream that fails for good ends the run, but not before what was trained is saved.
  Batch next_batch(const std::stop_token& stop) try {
    const auto asked = Time::now();
    for (;;) {
      Batch batch = stream_.next(stop, std::chrono::milliseconds(500));
      if (batch.size > 0 || stop.stop_requested()) return batch;
      if (console_.progress_due())
        console_.progress(fmt::format("no data for {:.0f} s (failures: {})  {}", seconds_between(asked, Time::now()),
                                      failures_text(stream_.report()), report_.progress(clock())));
      if (status_.due()) tolerate([&] { report_.status(clock(), "running"); });
      if (stream_report_.due()) tolerate([&] { write_stream_report(); });
    }
  } catch (const std::runtime_error&) {
    if (clock().step() > 0) tolerate([&] { save(); }, "");
    throw;
  }

  void end_epoch() {
    const bool last = clock().finished();
    if (!held_out_.positions.empty()) {
      const HeldOutLoss loss = held_out_loss(trainer_, held_out_);
      tolerate([&] { report_.held_out(clock(), trainer_.objective().held_out_name(), loss); });
    }
    if (last || epoch() % config_.train.sample_every == 0) {
      const Image grid = sample_grid(trainer_, shown_);
      tolerate([&] { report_.samples(clock(), grid); });
    }
    if (last || epoch() % config_.train.checkpoint_every == 0) tolerate([&] { save(); });
    tolerate([&] { report_.status(clock(), "running"); });
    console_.say(report_.progress(clock()));
  }

  void write_stream_report() const {
    publish_file(fs::path(config_.train.run_dir) / "stream.json",
                 summary_json(stream_.report(), seconds_between(begin_, Time::now())) + "\n");
  }

  void save() {
    const fs::path run_dir = config_.train.run_dir;
    const std::string verdicts = stream_.state().verdicts.to_jsonl();
    save_checkpoint(run_dir, clock().position(), trainer_.snapshot(verdicts));
    saved_ = clock().position();
    publish_file(run_dir / "verdicts.jsonl", verdicts);
    prune_checkpoints(run_dir, saved_, config_.train.keep_checkpoints);
  }

  /// A disk that is full for a while must not end a run: it goes on, and the next epoch tries again. Whether the end of
  /// the run could be saved decides train().
  void tolerate(const std::function<void()>& write, const char* then = " The run goes on.") try {
    write();
  } catch (const std::runtime_error& error) {
    console_.warn(std::string(error.what()) + then);
  }

  const Config& config_;
  Trainer& trainer_;
  Report& report_;
  Stream& stream_;
  Console& console_;
  Examples held_out_, shown_;
  const Time::time_point begin_ = Time::now();
  Every status_{10}, stream_report_{kReportSeconds};
  uint64_t saved_ = std::numeric_limits<uint64_t>::max();  // position of the last save; none yet
};

/// Large blocks stay with the process instead of going back to the system at every free: otherwise each step on a CPU
/// faults its activations in again (about 9 % of a convolution step).
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc takes
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

/// Launchers of distributed training start many processes and tell each how many they are.
void refuse_many_processes() {
  const char* processes = std::getenv("WORLD_SIZE");
  if (processes && std::strtol(processes, nullptr, 10) > 1)
    throw std::invalid_argument(fmt::format(
        "WORLD_SIZE is {}, but a run is one process: start atelier-train once, without a launcher.", processes));
}

std::shared_ptr<const Manifest> open_list(const DataConfig& data, Console& console, const std::stop_token& stop) {
  if (data.list.empty())
    throw std::invalid_argument(
        "data.list is not set: name the list of images to train on, such as --data.list furniture.jsonl.");
  return atelier::open_list(data, show_share(console, "reading the list", stop),
                            [&](const std::string& sentence) { console.warn(sentence); });
}

/// The held-out samples that fit in memory, drawn by the seed; none when nothing is held out.
Examples fetch_held_out(const Config& config, const std::shared_ptr<const Manifest>& manifest, Console& console,
                        const std::stop_token& stop) {
  if (config.data.held_out <= 0) return {};
  if (manifest->split(config.data.held_out, true).empty()) {
    console.warn("data.held_out leaves no sample of this list out: there will be no held-out loss.");
    return {};
  }
  StreamPlan plan = plan_stream(config, manifest, /*held_out=*/true);
  plan.order.mode = OrderMode::kFull;  // the first rows of a list sorted by label would all have one label
  return fetch_examples(config, plan, kHeldOutSamples, stop);
}

/// What the run began with, for the sample grids of a run that holds nothing out.
Examples fetch_first_rows(const Config& config, const std::shared_ptr<const Manifest>& manifest, const Order& order,
                          const std::stop_token& stop) {
  StreamPlan plan = plan_stream(config, manifest);
  plan.order.window = order.window;
  return fetch_examples(config, plan, kGridRows, stop);
}

std::string describe_players(Objective& objective) {
  std::string text;
  for (const Player& player : objective.players()) {
    int64_t weights = 0;
    for (const auto& parameter : player.module->parameters()) weights += parameter.numel();
    text += fmt::format(", {} {:.2f} million weights", player.name, static_cast<double>(weights) * 1e-6);
  }
  return text;
}

/// "40 x 24 (1200 rows), 32 x 32 (800 rows)"
std::string describe_shapes(const StreamPlan& plan) {
  std::vector<uint64_t> rows(plan.frames.size());
  for (const Stratum& stratum : plan.strata) rows[stratum.shape] += stratum.rows.size();
  std::string text;
  for (size_t shape = 0; shape < rows.size(); ++shape) {
    const auto [width, height] = plan.frames[shape];
    if (rows[shape] > 0)
      text += fmt::format("{}{} x {} ({} rows)", text.empty() ? "" : ", ", width, height, rows[shape]);
  }
  return text;
}

void announce(Console& console, const Config& config, const RunState& state, Objective& objective,
              const StreamPlan& plan, const RunFolder& folder) {
  const Choices& choices = state.choices;
  const ModelSpec& spec = objective.spec();
  console.say(fmt::format("device {}, {} threads, precision {} ({})", choices.device.str(), choices.threads,
                          precision_name(choices.precision.dtype), choices.precision.why));
  console.say(fmt::format("model {} at {} pixels{}", spec.kind, spec.image_size, describe_players(objective)));
  const std::string labels = spec.labels.empty() ? "no labels" : fmt::format("{} labels", spec.labels.size());
  console.say(fmt::format("list {}: {} rows to train on, {}", config.data.list, plan.order.entries, labels));
  if (plan.has_shapes()) console.say("shapes, width x height: " + describe_shapes(plan));
  console.say(fmt::format("run folder {}: {} position {} of {}", folder.path.string(),
                          folder.newest ? "goes on at" : "starts at", state.clock.position(), state.clock.total()));
}

int train(const Invocation& invocation) {
  refuse_many_processes();
  keep_freed_memory();
  const Config& config = invocation.config();
  Console console;

  const auto manifest = open_list(config.data, console, invocation.stop);
  const RunFolder folder = open_run_folder(config.train.run_dir, config.train.resume);
  std::vector<std::string> warnings = folder.warnings;
  StreamPlan plan =
      plan_stream(config, manifest, /*held_out=*/false, show_share(console, "reading the shapes", invocation.stop));
  const RunState saved =
      folder.newest ? run_state_from_json(folder.newest->state) : begin_run(config, *manifest, plan.order.window);
  const RunState state = folder.newest ? continue_run(saved, config, *manifest, warnings) : saved;
  for (const std::string& warning : warnings) console.warn(warning);
  if (plan.has_shapes())
    plan = with_block(config, std::move(plan), state.clock.segments().front().batch,
                      show_share(console, "reading the shapes", invocation.stop));

  const auto objective = make_objective(describe_model(config, manifest->labels()), config.seed);
  objective->to(state.choices.device);
  announce(console, config, state, *objective, plan, folder);
  if (state.clock.finished()) {
    console.say(
        "this run is finished: how long it is was fixed at its first start; for a longer one choose another "
        "train.run_dir");
    return kGood;
  }

  plan.order.window = state.choices.window;
  plan.start.position = state.clock.position();
  const uint64_t batch = state.clock.batch(), left = state.clock.total() - state.clock.position();
  plan.end = plan.start.position + (left + batch - 1) / batch * batch;
  plan.origin = state.lists.back().position;
  check_share(plan);
  Trainer trainer(*objective, config, state);
  if (folder.newest) {
    trainer.load(folder.newest->folder);
    plan.start.verdicts = Verdicts::from_jsonl(read_file(folder.newest->folder / "verdicts.jsonl"));
    if (state.lists != saved.lists) plan.start.verdicts = rebase(plan.start.verdicts, *manifest);
  }

  Config square = config;
  square.data.shapes = Shapes::kSquare;  // of what is generated, and so of what is shown and measured
  const Examples held_out = fetch_held_out(square, manifest, console, invocation.stop);
  if (!held_out.positions.empty()) console.say(fmt::format("{} held-out samples", held_out.positions.size()));
  const bool needs_rows = held_out.positions.empty() && objective->spec().condition != "none";
  const Examples shown = needs_rows ? fetch_first_rows(square, manifest, plan.order, invocation.stop) : held_out;
  if (invocation.stop.stop_requested()) return kInterrupted;

  const MakeSource source = open_source(config.data, manifest, [](const std::string& sentence) {
    Console().warn("the cache is no longer filled: " + sentence);
  });  // it refuses a proxy with a password, which so is not saved below
  publish_file(folder.path / "config.yaml", to_yaml(invocation.settings));
  std::vector<std::string> players;
  for (const Player& player : objective->players()) players.push_back(player.name);
  Report report(folder.path, players, state.clock, config.train.steps_per_epoch);
  report.text(state.clock, "config", "```yaml\n" + to_yaml(config) + "```");

  Stream stream(config, plan, source);
  return Run(config, trainer, report, stream, console, held_out, shown).train(invocation.stop);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  const atelier::Program program{
      .name = "atelier-train",
      .summary = "Trains a design model from a list of images, and goes on where it was stopped.",
      .sections = {"seed", "data", "model", "train"},
      .positional = {},
      .flags = {},
      .examples =
          "  atelier-train --config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs\n"
          "  atelier-train --config sketch-64 --data.list furniture.jsonl --train.run_dir runs/chairs --resume must\n"};
  return atelier::run_program(program, argc, argv, atelier::train);
}
