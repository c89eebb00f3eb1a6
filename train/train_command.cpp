#include <cstdlib>
#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/files.h"
#include "configs/console.h"
#include "data/open_source.h"
#include "data/stream.h"
#include "train/average_snapshots.h"
#include "train/checkpoint.h"
#include "train/command.h"
#include "train/freed_memory.h"
#include "train/loop.h"
#include "train/micro_batch.h"
#include "train/report.h"
#include "train/session.h"
#include "train/trace.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// Launchers of distributed training start many processes and tell each how many they are.
void refuse_many_processes() {
  const char* processes = std::getenv("WORLD_SIZE");
  if (processes && std::strtol(processes, nullptr, 10) > 1)
    throw std::invalid_argument(fmt::format(
        "WORLD_SIZE is {}, but a run is one process: start atelier-train once, without a launcher.", processes));
}

/// For two checkpoints, and for the averages that the run is to keep.
void make_sure_of_room(const TrainConfig& config, const Trainer& trainer) {
  const Snapshot snapshot = trainer.snapshot("");
  const Clock& clock = trainer.clock();
  make_sure_of_room(config.run_dir, clock.position(), keep_of(config, clock), checkpoint_bytes(snapshot),
                    average_snapshots_left(clock, config.average_snapshots) * averages_bytes(snapshot));
}

/// After a step that did not fit: the next start computes half as many images at once.
int make_room(const Session& session, const Config& config, Console& console, const OutOfMemory& error) {
  const Trainer& trainer = *session.trainer;
  const uint64_t at_once = images_at_once(trainer.state().choices, trainer.clock().batch()), half = (at_once + 1) / 2;
  if (at_once == 1)
    throw std::invalid_argument(
        fmt::format("{} with a single image at once: use train.recompute, or a smaller model", error.what()));
  if (config.train.micro_batch > 0)
    throw std::invalid_argument(fmt::format("{} with train.micro_batch {}: lower it", error.what(), at_once));
  note_micro_batch(session.folder.path, half);
  const auto saved = list_checkpoints(session.folder.path);
  console.warn(fmt::format("{} with {} images at once; the same command goes on from position {} with {} at once",
                           error.what(), at_once, saved.empty() ? 0 : position_of(saved.back()).value_or(0), half));
  return kStartAgain;
}

/// From the run's folder to its end.
int train(const Invocation& invocation, std::optional<uint64_t> until) {
  const Config& config = invocation.config();
  Console console;
  Session session = open_session(config, invocation.flag("accept-changes").has_value(), console, invocation.stop);
  if (session.finished) {
    console.say("this run is finished; to go on with it ask for more train.epochs, by --accept-changes");
    return kGood;
  }
  make_sure_of_room(config.train, *session.trainer);
  std::optional<Trace> trace;
  if (const auto file = invocation.flag("trace")) trace.emplace(*file);
  try {
    settle_micro_batch(session, config, console, invocation.stop);
  } catch (const OutOfMemory& error) {
    throw std::invalid_argument(error.what());
  }
  fetch_fixed_examples(session, config, console, invocation.stop);
  if (invocation.stop.stop_requested()) return kInterrupted;

  const MakeSource source = open_source(config.data, session.manifest, [](const std::string& sentence) {
    Console().warn("the cache is no longer filled: " + sentence);
  });  // it refuses a proxy with a password, which so is not saved below
  publish_file(session.folder.path / "config.yaml", to_yaml(invocation.settings));
  const fs::path inherited = session.folder.path / "init_from.json";
  if (!session.folder.newest) fs::remove(inherited);  // of a start that saved nothing
  if (!session.inherited.is_null()) publish_file(inherited, session.inherited.dump(1) + "\n");
  const Clock& clock = session.trainer->clock();
  cut_average_snapshots(session.folder.path, clock.position());
  Report report(session.folder.path, player_names(*session.objective), clock, config.train.steps_per_epoch);
  report.text(clock, "config", "```yaml\n" + to_yaml(config) + "```");

  if (const auto changes = changes_at(session.trainer->state().changes, clock.position()); !changes.empty())
    report.text(clock, "accepted changes", describe(changes));

  Stream stream(config, session.plan, source);
  TrainingLoop loop(config, session, report, stream, console, trace ? &*trace : nullptr);
  try {
    if (loop.run(invocation.stop, until)) return kGood;
  } catch (const OutOfMemory& error) {
    return make_room(session, config, console, error);
  }
  const bool reached = until && clock.step() >= *until;
  console.say(fmt::format("{} and saved at position {}; the same command goes on from there",
                          reached ? "stopped as asked" : "interrupted", clock.position()));
  return reached ? kGood : kInterrupted;
}

}  // namespace

int run_train(const Invocation& invocation) {
  const auto until = invocation.number("until", 1);
  refuse_many_processes();
  keep_freed_memory();
  if (invocation.flag("plan")) return run_plan(invocation);
  if (invocation.flag("json")) throw std::invalid_argument("train takes --json with --plan only; leave it out");
  if (invocation.flag("detach")) return run_detached(invocation);
  try {
    return train(invocation, until);
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    throw std::invalid_argument(
        "the start ran out of memory, before any step: set a smaller model.channels, data.image_size or data.memory");
  }
}

}  // namespace atelier
