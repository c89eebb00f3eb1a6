#include "train/loop.h"

#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <string>

#include "base/files.h"
#include "data/progress.h"
#include "train/average_snapshots.h"
#include "train/examples.h"
#include "train/grid.h"
#include "train/held_out.h"
#include "train/micro_batch.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::steady_clock;

double seconds_between(Time::time_point from, Time::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

bool Every::due() {
  const auto now = Time::now();
  if (seconds_between(last_, now) < seconds_) return false;
  last_ = now;
  return true;
}

TrainingLoop::TrainingLoop(const Config& config, Session& session, Report& report, Stream& stream, Console& console,
                           Trace* trace)
    : config_(config),
      session_(session),
      trainer_(*session.trainer),
      report_(report),
      stream_(stream),
      console_(console),
      trace_(trace),
      players_(player_names(*session.objective)),
      faults_(config.train.run_dir, *session.trainer, *session.manifest),
      losses_(config.train.run_dir, trainer_.clock().position(), config.train.log_losses),
      stream_report_(kReportSeconds),
      writer_(config.train.run_dir, keep_of(config.train, trainer_.clock()), trainer_.snapshot(""),
              session.folder.newest ? std::optional(trainer_.clock().position()) : std::nullopt) {}

bool TrainingLoop::run(const std::stop_token& stop, std::optional<uint64_t> until) try {
  const auto goes_on = [&] { return !clock().finished() && (!until || clock().step() < *until); };
  write_status("running");
  bool shown = true;
  if (session_.folder.newest && clock().step() > 0 && epoch_ends()) shown = show_pictures(stop);  // what is missing
  while (goes_on() && !stop.stop_requested() && step(stop)) {
    save_what_is_due();
    if (!epoch_ends()) continue;
    shown = show_pictures(stop);
    tell_epoch();
  }
  finish_saving();
  tolerate([&] { write_stream_report(); }, "");
  tell_failures();
  const bool finished = clock().finished() && shown;
  write_status(finished ? "finished" : "interrupted", "");
  return finished;
} catch (const std::exception& error) {
  tell(writer_.wait(), "");
  write_status("failed", "");
  tolerate([&] { write_stream_report(); }, "");
  // Nothing of such a step may be saved: one player may have made its update, and another not.
  if (is_out_of_memory(error)) throw OutOfMemory(fmt::format("step {} ran out of memory", clock().step() + 1));
  throw;
}

bool TrainingLoop::epoch_ends() const {
  return clock().finished() || clock().step() % static_cast<uint64_t>(config_.train.steps_per_epoch) == 0;
}

/// What comes at the end of each so-manieth epoch, and at that of the run.
bool TrainingLoop::is_due(int64_t epochs) const {
  return epoch_ends() && (clock().finished() || epoch() % epochs == 0);
}

/// The epoch that just ended, from 1.
int64_t TrainingLoop::epoch() const {
  return (static_cast<int64_t>(clock().step()) - 1) / config_.train.steps_per_epoch + 1;
}

/// False: stopped while it waited for data.
bool TrainingLoop::step(const std::stop_token& stop) {
  PhaseClock times(Phase::kWait);
  const Batch batch = next_batch(stop);
  if (batch.size == 0) return false;
  times.enter(Phase::kCopy);
  const Examples examples = to_examples(batch, trainer_.state().choices.device);
  const PhaseTimes before = times.stop();
  StepResult result = trainer_.step(examples);
  for (size_t phase = 0; phase < before.size(); ++phase) result.times[phase] += before[phase] + noted_[phase];
  tolerate([&] { faults_.step(batch, examples, result, [&](const auto& sentence) { console_.warn(sentence); }); });
  trainer_.refuse_divergence();
  PhaseClock notes(Phase::kOther);
  if (trace_) trace_->step(clock(), batch, players_, result);
  tell(writer_.poll());
  tolerate([&] { losses_.step(clock(), players_, result); });
  tolerate([&] {
    report_.step(clock(), result);
    if (status_.due()) write_status("running");
    if (stream_report_.due()) write_stream_report();
  });
  if (!epoch_ends() && console_.progress_due()) console_.progress(report_.progress(clock()));
  noted_ = notes.stop();
  return true;
}

/// A stream that fails for good ends the run, but not before what was trained is saved.
Batch TrainingLoop::next_batch(const std::stop_token& stop) try {
  const auto asked = Time::now();
  for (;;) {
    Batch batch = stream_.next(stop, std::chrono::milliseconds(500));
    if (batch.size > 0 || stop.stop_requested()) return batch;
    if (console_.progress_due())
      console_.progress(fmt::format("no data for {:.0f} s (failures: {})  {}", seconds_between(asked, Time::now()),
                                    failures_text(stream_.report()), report_.progress(clock())));
    if (status_.due()) write_status("running");
    if (stream_report_.due()) tolerate([&] { write_stream_report(); });
  }
} catch (const std::exception&) {
  if (clock().step() > 0) tolerate([&] { save({}); }, "");
  throw;
}

/// What the weights at the end of an epoch are worth, unless it has been shown. False: stopped; the next start makes up
/// for the rest.
bool TrainingLoop::show_pictures(const std::stop_token& stop) try {
  if (report_.held_out_at() != clock().position()) measure_held_out(stop);
  if (!report_.has_samples(clock())) draw_samples(stop);
  return true;
} catch (const Interrupted&) {
  return false;
}

void TrainingLoop::measure_held_out(const std::stop_token& stop) {
  if (session_.held_out.positions.empty()) return;
  const HeldOutLoss loss = held_out_loss(trainer_, session_.held_out, show("measuring the held-out loss", stop));
  tolerate([&] {
    if (!report_.held_out(clock(), trainer_.objective().held_out_name(), loss))
      console_.warn(
          "the held-out samples are not those that this run measured before, since other images could be had or the "
          "list has changed: do not compare the held-out loss with those of earlier epochs.");
  });
}

void TrainingLoop::draw_samples(const std::stop_token& stop) {
  if (!is_due(config_.train.sample_every)) return;
  const Image grid = sample_grid(trainer_, session_.shown, kGridRows, show("drawing samples", stop));
  tolerate([&] { report_.samples(clock(), grid); });
}

/// For what comes between two steps: on the console and in status.json. Throws Interrupted once `stop` is requested.
std::function<void(double)> TrainingLoop::show(const char* doing, const std::stop_token& stop) {
  return [this, show = show_share(console_, doing, stop)](double share) {
    show(share);
    if (status_.due()) write_status("running");
  };
}

void TrainingLoop::tell_epoch() {
  write_status("running");
  console_.say(report_.progress(clock()));
  tolerate([&] { console_.say(report_.times(clock(), stream_.report().limit)); });
}

/// What was replaced all the way ends up in no other line.
void TrainingLoop::tell_failures() {
  const StreamReport report = stream_.report();
  if (report.substituted == 0) return;
  console_.say(
      fmt::format("{} of {} samples were replaced by others, since their images could not be had ({}); "
                  "verdicts.jsonl names them",
                  report.substituted, report.delivered, failures_text(report)));
}

void TrainingLoop::write_status(const char* state, const char* then) {
  tolerate([&] { report_.status(clock(), state, writer_.saved()); }, then);
}

void TrainingLoop::write_stream_report() const {
  publish_file(fs::path(config_.train.run_dir) / "stream.json",
               summary_json(stream_.report(), seconds_between(begin_, Time::now())) + "\n");
}

void TrainingLoop::save_what_is_due() {
  const CheckpointWriter::Parts due{
      .checkpoint = is_due(config_.train.checkpoint_every),
      .averages = average_snapshot_due(clock(), config_.train.average_snapshots),
  };
  if (due.checkpoint || due.averages) tolerate([&] { save(due); });
}

/// While steps fail nothing is pruned: what was saved before may be what the run has to go back to.
void TrainingLoop::save(CheckpointWriter::Parts parts) {
  parts.prune = trainer_.state().skips_in_a_row == 0;
  tell(writer_.save(clock().position(), trainer_.snapshot(stream_.state().verdicts.to_jsonl()), parts));
}

/// What is on the disk at the end decides: a save that failed is tried once more.
void TrainingLoop::finish_saving() {
  const auto failed = writer_.wait();
  tell(failed, "");
  if (!failed && writer_.saved() == clock().position()) return;
  const bool owes_averages = clock().finished() && config_.train.average_snapshots > 0;
  save({.checkpoint = true, .averages = failed && owes_averages});
  const auto failure = writer_.wait();
  if (writer_.saved() != clock().position()) throw std::runtime_error(failure.value());
  tell(failure, "");
}

void TrainingLoop::tell(const std::optional<std::string>& failure, const char* then) {
  if (failure) warn(*failure, then);
}

/// A disk that is full for a while must not end a run: it goes on, and the next epoch tries again. Whether the end of
/// the run could be saved decides run().
void TrainingLoop::tolerate(const std::function<void()>& write, const char* then) try {
  write();
} catch (const std::runtime_error& error) {
  warn(error.what(), then);
}

void TrainingLoop::warn(const std::string& what, std::string_view then) {
  const bool is_whole = then.empty() || what.ends_with('.');
  console_.warn(fmt::format("{}{}{}", what, is_whole ? "" : ".", then));
}

}  // namespace atelier
