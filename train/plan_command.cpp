#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "configs/console.h"
#include "configs/printable.h"
#include "data/open_source.h"
#include "data/probe.h"
#include "data/progress.h"
#include "train/average_snapshots.h"
#include "train/command.h"
#include "train/forecast.h"
#include "train/held_out.h"
#include "train/micro_batch.h"
#include "train/session.h"
#include "train/trial.h"

// atelier-train --plan

namespace atelier {
namespace {

constexpr uint64_t kSample = 1000;  // rows
constexpr double kProbeSeconds = 30;

/// Asks to stop after so many seconds, and when `outer` does.
class StopAfter {
 public:
  StopAfter(double seconds, const std::stop_token& outer)
      : outer_(outer, [this] { source_.request_stop(); }), timer_([this, seconds](const std::stop_token& over) {
          std::mutex mutex;
          std::unique_lock lock(mutex);
          std::condition_variable_any().wait_for(lock, over, std::chrono::duration<double>(seconds),
                                                 [] { return false; });
          source_.request_stop();
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_callback<std::function<void()>> outer_;
  std::jthread timer_;
};

/// The numbers of parameters of the players.
std::map<std::string, int64_t> parameters_of(Objective& objective) {
  std::map<std::string, int64_t> counts;
  for (const Player& player : objective.players()) counts[player.name] = parameter_count(player);
  return counts;
}

void look_at_disk(Forecast& forecast, const Trainer& trainer) {
  const TrainConfig& train = forecast.config.train;
  const Clock& clock = forecast.clock;
  const Snapshot snapshot = trainer.snapshot("");
  forecast.checkpoint_bytes = checkpoint_bytes(snapshot);
  forecast.averages_bytes = averages_bytes(snapshot);
  forecast.snapshots = average_snapshots_left(clock, train.average_snapshots);
  const uint64_t averages = forecast.snapshots * forecast.averages_bytes;
  const Keep keep = keep_of(train, clock);
  forecast.to_begin = room_to_begin(train.run_dir, clock.position(), keep, forecast.checkpoint_bytes, averages);
  forecast.to_end =
      room_to_end(train.run_dir, clock, keep, times_to_come(clock, train.steps_per_epoch, train.checkpoint_every),
                  forecast.checkpoint_bytes, averages);
  if (const std::string& cache = forecast.config.data.cache; !cache.empty())
    forecast.cache_free = std::filesystem::space(nearest_there(cache)).available;
}

Forecast begin_forecast(const Config& config, const Session& session) {
  const Trainer& trainer = *session.trainer;
  Forecast forecast{.config = config,
                    .clock = trainer.clock(),
                    .resumes = session.folder.newest.has_value(),
                    .choices = trainer.state().choices,
                    .spec = session.objective->spec(),
                    .parameters = parameters_of(*session.objective),
                    .rows = session.plan.rows.size()};
  if (config.data.held_out > 0)
    forecast.held_out = std::min<uint64_t>(kHeldOutSamples, session.manifest->split(config.data.held_out, true).size());
  look_at_disk(forecast, trainer);
  return forecast;
}

ProbeReport probe_list(const Forecast& forecast, const Session& session, Console& console,
                       const std::stop_token& stop) {
  const auto told = [&](const ProbeReport& now) {
    if (!console.progress_due()) return;
    console.progress(fmt::format("asking for rows of the list: {} of {}, {} alive", now.asked, now.planned, now.alive));
  };
  const Config& config = forecast.config;
  const StopAfter enough(kProbeSeconds, stop);
  return probe(config, session.plan, kSample, with_stores(config.data, session.manifest, probing_source(config.data)),
               told, enough.token());
}

/// What the run comes to: what there was by now, and the copy that checkpoints are written from.
std::vector<MemoryUse> memory_of_run(const Forecast& forecast) {
  std::vector<MemoryUse> memory{memory_of_machine()};
  memory.front().peak += forecast.checkpoint_bytes;
  if (!forecast.choices.device.is_cpu()) memory.push_back(memory_of(forecast.choices.device));
  return memory;
}

/// Tries one thing after the other, until the run is found not to work.
void try_out(Forecast& forecast, Session& session, Console& console, const std::stop_token& stop) {
  const auto go_on = [&] {
    if (stop.stop_requested()) throw Interrupted();
    return !reason_against(forecast);
  };
  if (!go_on()) return;
  forecast.probe = probe_list(forecast, session, console, stop);
  if (!go_on()) return;

  const Config config = config_of_trial(forecast.config);
  StreamPlan plan = session.plan;
  plan.end = std::numeric_limits<uint64_t>::max();  // a run of few steps has few images to try
  Stream stream(config, std::move(plan), reading_source(config.data, session.manifest));
  Batch batch;
  forecast.stream = try_stream(stream, batch, [&](const StreamReport& report) {
    if (stop.stop_requested()) throw Interrupted();
    if (!console.progress_due()) return;
    console.progress(fmt::format("streaming: {} images, failures: {}", report.delivered, failures_text(report)));
  });
  if (!go_on()) return;

  try {
    settle_micro_batch(session, config, console, stop);
  } catch (const OutOfMemory& error) {
    forecast.steps = StepTrial{.frame = largest_frame(session.plan), .end = error.what()};
    return;
  }
  forecast.choices = session.trainer->state().choices;
  forecast.steps = try_steps(*session.trainer, batch, largest_frame(session.plan),
                             static_cast<int64_t>(forecast.held_out), [&](const std::string& doing) {
                               if (stop.stop_requested()) throw Interrupted();
                               console.progress(doing);
                             });
  if (forecast.steps->end.empty()) forecast.memory = memory_of_run(forecast);
}

std::string text_of(const nlohmann::ordered_json& json) {
  return json.dump(1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void print_forecast(const Forecast& forecast, bool as_json) {
  if (as_json) return print(text_of(forecast_json(forecast)));
  print(forecast_text(forecast));
  if (reason_against(forecast)) return;  // which is told as the error that it is
  for (const std::string& warning : warnings_of(forecast)) print("warning: " + warning + "\n");
  print(forecast.steps ? headline_of(forecast) + "\n"
                       : "This run is finished; to go on with it ask for more train.epochs, by --accept-changes.\n");
}

}  // namespace

int run_plan(const Invocation& invocation) {
  for (const char* flag : {"until", "trace", "detach"})
    if (invocation.flag(flag))
      throw std::invalid_argument(fmt::format("--plan trains nothing that stays: leave --{} out", flag));
  const bool as_json = invocation.flag("json").has_value();
  Console console;
  std::optional<Forecast> forecast;
  try {
    const Config& config = invocation.config();
    Session session = open_session(config, invocation.flag("accept-changes").has_value(), console, invocation.stop,
                                   look_into_run_folder);
    forecast = begin_forecast(config, session);
    if (!forecast->clock.finished()) try_out(*forecast, session, console, invocation.stop);
  } catch (const std::exception& error) {
    console.clear();
    if (as_json) print(text_of({{"works", false}, {"reason", first_line(error.what())}}));
    throw;
  }
  console.clear();
  print_forecast(*forecast, as_json);
  const auto reason = reason_against(*forecast);
  if (!reason) return kGood;
  if (forecast->probe && is_outage(*forecast->probe)) throw std::runtime_error(*reason);
  throw std::invalid_argument(*reason);
}

}  // namespace atelier
