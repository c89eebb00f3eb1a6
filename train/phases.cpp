#include "train/phases.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "data/stream.h"

namespace atelier {
namespace {

nlohmann::ordered_json json_of(const Latency& times) {
  return {{"mean", times.mean()}, {"p50", times.quantile(0.5)}, {"p95", times.quantile(0.95)}, {"max", times.max()}};
}

}  // namespace

void PhaseClock::enter(Phase phase) {
  const auto now = Time::now();
  times_[static_cast<size_t>(phase_)] += std::chrono::duration<double>(now - begin_).count();
  begin_ = now;
  phase_ = phase;
}

PhaseTimes PhaseClock::stop() {
  enter(phase_);
  return times_;
}

void PhaseReport::add(const PhaseTimes& times) {
  step_.add(std::accumulate(times.begin(), times.end(), 0.0));
  for (size_t phase = 0; phase < times.size(); ++phase) phases_[phase].add(times[phase]);
}

double PhaseReport::share(Phase phase) const { return of(phase).sum() / std::max(step_.sum(), 1e-9); }

std::string PhaseReport::verdict(const Limit& stream) const {
  if (data_limits())
    return fmt::format("data is the limit: {:.0f} % of the time goes into waiting for it{} ({})",
                       100 * share(Phase::kWait),
                       stream.stage == "consumer" ? ", though the stream could give more" : "", stream.sentence);
  std::array<size_t, kPhaseNames.size()> order{};
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return phases_[a].sum() > phases_[b].sum(); });
  std::string parts;
  for (size_t i = 0; i < 3; ++i)
    parts += fmt::format("{}{} {:.0f} %", i == 0 ? "" : ", ", kPhaseNames[order[i]],
                         100 * share(static_cast<Phase>(order[i])));
  return fmt::format("compute is the limit: {} of a step of {:.3g} s (95 % of them below {:.3g} s)", parts,
                     step_.quantile(0.5), step_.quantile(0.95));
}

nlohmann::ordered_json PhaseReport::to_json() const {
  nlohmann::ordered_json json = {{"step", json_of(step_)}};
  for (size_t phase = 0; phase < phases_.size(); ++phase)
    json[std::string(kPhaseNames[phase])] = json_of(phases_[phase]);
  return json;
}

}  // namespace atelier
