#include "train/report.h"

#include <algorithm>
#include <chrono>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <numeric>
#include <unistd.h>

#include "base/files.h"
#include "configs/console.h"
#include "images/encode.h"
#include "train/append.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t kStepsPerLine = 10;

std::string now() {
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)));
}

double seconds_of(const PhaseTimes& times) { return std::accumulate(times.begin(), times.end(), 0.0); }

std::string sample_name(uint64_t position) { return fmt::format("{:012}.png", position); }

/// Removes what samples() wrote beyond `position`, and nothing that others have put there.
void cut_samples(const fs::path& folder, uint64_t position) {
  fs::create_directories(folder);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const uint64_t own = std::strtoull(name.c_str(), nullptr, 10);
    if (own > position && name == sample_name(own)) fs::remove(entry.path());
  }
}

}  // namespace

void Interval::add(const StepResult& result, uint64_t samples) {
  ++steps_;
  samples_ += samples;
  skipped_ += result.skipped;
  overflows_ += result.overflows;
  waited_ += result.times[static_cast<size_t>(Phase::kWait)];
  computed_ += seconds_of(result.times) - result.times[static_cast<size_t>(Phase::kWait)];
  losses_.resize(result.losses.size());
  norms_.resize(result.norms.size());
  for (size_t player = 0; player < losses_.size(); ++player) {
    losses_[player] += result.losses[player];
    norms_[player] += result.norms[player];
  }
}

double Interval::images_per_second() const {
  return static_cast<double>(samples_) / std::max(waited_ + computed_, 1e-9);
}
double Interval::waiting() const { return waited_ / std::max(waited_ + computed_, 1e-9); }

Report::Report(const fs::path& run_dir, std::vector<std::string> players, const Clock& clock, int64_t steps_per_epoch)
    : run_dir_(run_dir),
      players_(std::move(players)),
      steps_per_epoch_(static_cast<uint64_t>(steps_per_epoch)),
      events_(run_dir / "events", clock.position()),
      start_(clock.position()) {
  cut_lines(run_dir / "metrics.jsonl", clock.position());
  cut_samples(run_dir / "samples", clock.position());
  if (const json last = last_line(run_dir / "metrics.jsonl", "held_out"); last.is_object()) {
    held_out_set_ = last.value("set", "");
    held_out_at_ = last.value("position", uint64_t{0});
    held_out_name_ = last.value("name", "");
    const json raw = last.value("raw", json()), average = last.value("average", json());
    if (raw.is_number() && average.is_number())
      held_out_ = {.loss = {raw.get<double>(), average.get<double>()}, .labels = {}, .set = held_out_set_};
  }
}

void Report::step(const Clock& clock, const StepResult& result) {
  interval_.add(result, clock.batch());
  phases_.add(result.times);
  seconds_ += seconds_of(result.times);
  if (clock.step() % kStepsPerLine == 0 || clock.step() % steps_per_epoch_ == 0 || clock.finished())
    write_interval(clock, result.rate);
}

void Report::write_interval(const Clock& clock, double rate) {
  recent_ = std::exchange(interval_, {});  // first: a disk that refuses must not make this interval run on
  json line = {{"kind", "train"},
               {"steps", recent_.steps()},
               {"learning_rate", rate},
               {"skipped", recent_.skipped()},
               {"overflows", recent_.overflows()},
               {"images_per_second", recent_.images_per_second()},
               {"waiting", recent_.waiting()}};
  for (size_t player = 0; player < players_.size(); ++player) {
    line["loss"][players_[player]] = recent_.loss(player);
    line["gradient_norm"][players_[player]] = recent_.norm(player);
    events_.scalar("loss/" + players_[player], clock.position(), recent_.loss(player));
    events_.scalar("gradient_norm/" + players_[player], clock.position(), recent_.norm(player));
  }
  events_.scalar("learning_rate", clock.position(), rate);
  events_.scalar("images_per_second", clock.position(), recent_.images_per_second());
  events_.scalar("waiting", clock.position(), recent_.waiting());
  write_line(clock, std::move(line));
}

bool Report::held_out(const Clock& clock, const std::string& name, const HeldOutLoss& loss) {
  held_out_ = loss;
  held_out_name_ = name;
  held_out_at_ = clock.position();
  const std::string before = std::exchange(held_out_set_, loss.set);
  json line = {{"kind", "held_out"},
               {"name", name},
               {"set", loss.set},
               {"raw", loss.loss.raw},
               {"average", loss.loss.average},
               {"labels", json::object()}};
  for (const LabelLoss& own : loss.labels)
    line["labels"][own.label] = {{"samples", own.samples}, {"raw", own.loss.raw}, {"average", own.loss.average}};
  write_line(clock, std::move(line));
  events_.scalar("held_out/raw", clock.position(), loss.loss.raw);
  events_.scalar("held_out/average", clock.position(), loss.loss.average);
  for (const LabelLoss& own : loss.labels)
    events_.scalar("held_out_average/" + (own.label.empty() ? "no label" : own.label), clock.position(),
                   own.loss.average);
  return before.empty() || before == loss.set;
}

std::string Report::times(const Clock& clock, const Limit& stream) {
  const PhaseReport phases = std::exchange(phases_, {});
  const std::string verdict = phases.verdict(stream);
  write_line(clock, {{"kind", "time"},
                     {"steps", phases.steps()},
                     {"seconds", json(phases.to_json())},
                     {"limit", phases.data_limits() ? "data" : "compute"},
                     {"verdict", verdict}});
  for (size_t phase = 0; phase < kPhaseNames.size(); ++phase)
    events_.scalar(fmt::format("seconds/{}", kPhaseNames[phase]), clock.position(),
                   phases.mean(static_cast<Phase>(phase)));
  return verdict;
}

bool Report::has_samples(const Clock& clock) const {
  return fs::exists(run_dir_ / "samples" / sample_name(clock.position()));
}

void Report::samples(const Clock& clock, const Image& grid) {
  const std::vector<std::byte> png = encode_png(grid);
  const std::string_view bytes(std::bit_cast<const char*>(png.data()), png.size());
  publish_file(run_dir_ / "samples" / sample_name(clock.position()), bytes);
  events_.image("samples", clock.position(), grid.width, grid.height, png);
}

void Report::status(const Clock& clock, const std::string& state, std::optional<uint64_t> saved) {
  const Interval& shown = recent_.steps() > 0 ? recent_ : interval_;
  json status = {{"state", state},
                 {"pid", ::getpid()},
                 {"position", clock.position()},
                 {"total_positions", clock.total()},
                 {"saved", saved ? json(*saved) : json()},
                 {"step", clock.step()},
                 {"epoch", epoch(clock)},
                 {"images_per_second", shown.steps() > 0 ? json(shown.images_per_second()) : json()},
                 {"waiting", shown.steps() > 0 ? json(shown.waiting()) : json()},
                 {"seconds_left", shown.steps() > 0 ? json(seconds_left(clock)) : json()},
                 {"time", now()}};
  if (held_out_)
    status["held_out"] = {{"name", held_out_name_}, {"raw", held_out_->loss.raw}, {"average", held_out_->loss.average}};
  if (shown.steps() > 0)
    for (size_t player = 0; player < players_.size(); ++player) status["loss"][players_[player]] = shown.loss(player);
  publish_file(run_dir_ / "status.json", status.dump(1) + "\n");
}

std::string Report::progress(const Clock& clock) const {
  const Interval& shown = recent_.steps() > 0 ? recent_ : interval_;
  const uint64_t last_step = clock.step() + (clock.total() - std::min(clock.total(), clock.position())) / clock.batch();
  std::string line = fmt::format("epoch {}/{}  step {}", epoch(clock),
                                 (last_step + steps_per_epoch_ - 1) / steps_per_epoch_, clock.step());
  if (shown.steps() == 0) return line;
  line += fmt::format("  {}  {:.4g} images/s  waiting {:.0f} %", time_left(seconds_left(clock)),
                      shown.images_per_second(), 100 * shown.waiting());
  for (size_t player = 0; player < players_.size(); ++player)
    line += fmt::format("  {} {:.4g}", players_[player], shown.loss(player));
  if (held_out_)
    line += fmt::format("  held-out {} {:.4f} (average {:.4f})", held_out_name_, held_out_->loss.raw,
                        held_out_->loss.average);
  return line;
}

void Report::write_line(const Clock& clock, json line) {
  line.update({{"position", clock.position()}, {"step", clock.step()}, {"epoch", epoch(clock)}, {"time", now()}});
  append_whole(run_dir_ / "metrics.jsonl", line.dump() + "\n");
}

double Report::seconds_left(const Clock& clock) const {
  const uint64_t done = clock.position() - start_;
  if (done == 0 || clock.finished()) return 0;
  return seconds_ / static_cast<double>(done) * static_cast<double>(clock.total() - clock.position());
}

uint64_t Report::epoch(const Clock& clock) const {
  return (std::max<uint64_t>(clock.step(), 1) - 1) / steps_per_epoch_ + 1;
}

}  // namespace atelier
