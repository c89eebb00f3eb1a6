#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/console.h"
#include "configs/printable.h"
#include "data/limit.h"
#include "data/progress.h"
#include "train/forecast.h"
#include "train/micro_batch.h"

// A forecast in words and as JSON.

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

std::string row(const char* name, const std::string& text) { return fmt::format("{:<11} {}\n", name, printable(text)); }

std::string bytes_text(uint64_t bytes) { return size_text(static_cast<double>(bytes)); }

constexpr const char* kTimedAgain = ", the faster one; the start times both again (train.precision auto)";

std::string run_text(const Forecast& forecast) {
  std::vector<std::string> players;
  for (const auto& [name, count] : forecast.parameters)
    players.push_back(fmt::format("{} {} parameters", name, grouped(static_cast<uint64_t>(count))));
  const Clock& clock = forecast.clock;
  const Choices& choices = forecast.choices;
  const bool timed_again = !forecast.resumes && forecast.config.train.precision == Precision::kAuto;
  return row("run", fmt::format("{}: {} position {} of {}, {} steps of {} samples to come",
                                forecast.config.train.run_dir, forecast.resumes ? "goes on at" : "starts at",
                                clock.position(), clock.total(), grouped(clock.steps_left()), clock.batch())) +
         row("model", fmt::format("{} at {} pixels, {}", forecast.spec.kind, forecast.spec.image_size,
                                  fmt::join(players, ", "))) +
         row("device", fmt::format("{}, {} threads, {}{}", choices.device.str(), choices.threads,
                                   precision_name(choices.precision.dtype), timed_again ? kTimedAgain : "")) +
         row("list", fmt::format("{}: {} rows to train on, {} labels", forecast.config.data.list,
                                 grouped(forecast.rows), forecast.spec.labels.size()));
}

std::string probe_rows(const ProbeReport& probe) {
  FaultCounts dead = probe.failures;
  const uint64_t too_large = std::exchange(dead.at(static_cast<size_t>(Fault::kTooLargeByHead)), 0);
  const auto share = [&](uint64_t count) { return share_text(count, probe.asked, probe.rows); };
  return row("alive", fmt::format("{} of {} that were asked for", share(probe.alive), grouped(probe.asked))) +
         row("dead", fmt::format("{}: {}", share(probe.asked - probe.alive - too_large), faults_text(dead))) +
         row("too large",
             fmt::format("{}: over {} (data.max_image_size)", share(too_large), bytes_text(probe.most_bytes)));
}

/// Of an epoch, a pass and the rest of the run.
struct Traffic {
  double image, epoch, pass, run;
};
std::optional<Traffic> traffic_of(const Forecast& forecast) {
  const auto image = forecast.probe ? bytes_per_image(forecast) : std::nullopt;
  if (!image || forecast.probe->asked == 0) return {};
  const auto batch = static_cast<double>(forecast.clock.batch());
  const double alive = static_cast<double>(forecast.probe->alive) / static_cast<double>(forecast.probe->asked);
  return Traffic{.image = *image,
                 .epoch = *image * batch * static_cast<double>(forecast.config.train.steps_per_epoch),
                 .pass = *image * alive * static_cast<double>(forecast.rows),
                 .run = *image * batch * static_cast<double>(forecast.clock.steps_left())};
}

std::string traffic_row(const Forecast& forecast) {
  const auto traffic = traffic_of(forecast);
  if (!traffic) return {};
  return row("bytes", fmt::format("{} an image, {} an epoch, {} a pass over the list, {} to the end of the run",
                                  size_text(traffic->image), size_text(traffic->epoch), size_text(traffic->pass),
                                  size_text(traffic->run)));
}

std::string stream_rows(const Forecast& forecast) {
  const StreamReport& report = forecast.stream->report;
  return row("stream",
             fmt::format("{} images/s ({})", rate_text(forecast.stream->images_per_second), report.limit.sentence)) +
         row("unusable", fmt::format("{} of the first {} positions; failures: {}",
                                     share_text(report.substituted, report.delivered, forecast.rows),
                                     grouped(report.delivered), failures_text(report)));
}

std::string step_rows(const Forecast& forecast) {
  const StepTrial& steps = *forecast.steps;
  const Pace pace = pace_of(forecast);
  const TimeToGo time = time_to_go(forecast);
  const uint64_t at_once = images_at_once(forecast.choices, forecast.clock.batch());
  return row("step",
             fmt::format("{}: compute {} for {} samples{} of {} x {} pixels (median of {}), data {}; waits {:.0f} %",
                         duration_text(pace.step()), duration_text(pace.compute), forecast.clock.batch(),
                         at_once < forecast.clock.batch() ? fmt::format(", {} at once,", at_once) : "",
                         steps.frame.width, steps.frame.height, steps.steps, duration_text(pace.data),
                         100 * pace.waiting())) +
         row("time",
             fmt::format("{} to the end: steps {}, held-out losses {}, grids {}", long_time_text(time.all()),
                         long_time_text(time.steps), long_time_text(time.held_out), long_time_text(time.grids)));
}

std::string disk_rows(const Forecast& forecast) {
  std::string checkpoint = bytes_text(forecast.checkpoint_bytes);
  if (forecast.snapshots > 0)
    checkpoint += fmt::format(", and {} snapshots of {}", forecast.snapshots, bytes_text(forecast.averages_bytes));
  return row("checkpoint", checkpoint) +
         row("disk", fmt::format("{} needed to the end, {} free", bytes_text(forecast.to_end.needed),
                                 bytes_text(forecast.to_end.free)));
}

Json json_of(const ShareInterval& interval) { return {{"low", interval.low}, {"high", interval.high}}; }

Json json_of(const Room& room) { return {{"needed", room.needed}, {"free", room.free}}; }

Json stream_json(const Forecast& forecast) {
  const StreamReport& report = forecast.stream->report;
  Json failures = Json::object();
  for (size_t fault = 0; fault < report.failures.size(); ++fault)
    if (report.failures[fault] > 0)
      failures[std::string(fault_name(static_cast<Fault>(fault)))] = report.failures[fault];
  return {{"images", report.delivered},
          {"images_per_second", forecast.stream->images_per_second},
          {"substituted", report.substituted},
          {"substituted_share", json_of(interval_of(report.substituted, report.delivered, forecast.rows))},
          {"failures", failures},
          {"stage", report.limit.stage},
          {"sentence", report.limit.sentence}};
}

void add_steps(Json& json, const Forecast& forecast) {
  const StepTrial& steps = *forecast.steps;
  const Pace pace = pace_of(forecast);
  const TimeToGo time = time_to_go(forecast);
  const uint64_t at_once = images_at_once(forecast.choices, forecast.clock.batch());
  json["step"] = {{"micro_batch", at_once}, {"width", steps.frame.width}, {"height", steps.frame.height},
                  {"timed", steps.steps},   {"faults", steps.faults},     {"compute", pace.compute},
                  {"data", pace.data},      {"seconds", pace.step()},     {"waiting", pace.waiting()}};
  json["limit"] = pace.data_limits() ? "data" : "compute";
  json["seconds"] = {{"steps", time.steps}, {"held_out", time.held_out}, {"grids", time.grids}, {"all", time.all()}};
  for (const MemoryUse& memory : forecast.memory)
    json["memory"].push_back({{"where", memory.where}, {"peak", memory.peak}, {"all", memory.all}});
}

}  // namespace

std::string forecast_text(const Forecast& forecast) {
  std::string text = run_text(forecast);
  if (forecast.probe) text += probe_rows(*forecast.probe) + traffic_row(forecast);
  if (forecast.stream) text += stream_rows(forecast);
  if (forecast.steps && forecast.steps->end.empty()) text += step_rows(forecast);
  for (const MemoryUse& memory : forecast.memory)
    text +=
        row("memory", fmt::format("{} of the {} of {}", bytes_text(memory.peak), bytes_text(memory.all), memory.where));
  return text + disk_rows(forecast);
}

nlohmann::ordered_json forecast_json(const Forecast& forecast) {
  const auto reason = reason_against(forecast);
  const Clock& clock = forecast.clock;
  Json json{{"works", !reason},
            {"reason", reason ? Json(*reason) : Json()},
            {"warnings", warnings_of(forecast)},
            {"run_dir", forecast.config.train.run_dir},
            {"resumes", forecast.resumes},
            {"position", clock.position()},
            {"total_positions", clock.total()},
            {"batch", clock.batch()},
            {"steps", clock.steps_left()},
            {"device", forecast.choices.device.str()},
            {"precision", precision_name(forecast.choices.precision.dtype)},
            {"parameters", forecast.parameters},
            {"list", forecast.config.data.list},
            {"rows", forecast.rows},
            {"labels", forecast.spec.labels.size()}};
  if (forecast.probe) json["probe"] = Json::parse(probe_json(*forecast.probe));
  if (const auto traffic = traffic_of(forecast))
    json["bytes"] = {
        {"image", traffic->image}, {"epoch", traffic->epoch}, {"pass", traffic->pass}, {"run", traffic->run}};
  if (forecast.stream) json["stream"] = stream_json(forecast);
  if (forecast.steps && forecast.steps->end.empty()) add_steps(json, forecast);
  json["checkpoint"] = forecast.checkpoint_bytes;
  json["averages"] = {{"bytes", forecast.averages_bytes}, {"snapshots", forecast.snapshots}};
  json["disk"] = {{"to_begin", json_of(forecast.to_begin)}, {"to_end", json_of(forecast.to_end)}};
  if (!reason && forecast.steps) json["headline"] = headline_of(forecast);
  return json;
}

}  // namespace atelier
