#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "data/latency.h"

/// Where the time of a training step goes.
namespace atelier {

struct Limit;  // data/stream.h

/// As the host sees it: on a GPU each phase hands over its work, and kOther waits for all of it.
enum class Phase : uint8_t {
  kWait,       ///< for the batch
  kCopy,       ///< of the batch to the device
  kForward,    ///< the losses of all players
  kBackward,   ///< their gradients
  kOptimizer,  ///< clipping, the check for numbers that are not finite, and the update
  kAverages,   ///< of the weights
  kOther,      ///< reading the losses, notes of colours; logs and status of the step before
};
inline constexpr std::array<std::string_view, 7> kPhaseNames{"wait",      "copy",     "forward", "backward",
                                                             "optimizer", "averages", "other"};

/// Seconds of one step by Phase: they add up to it.
using PhaseTimes = std::array<double, kPhaseNames.size()>;

/// Times the phases of one step, one after another; a phase may come again.
class PhaseClock {
 public:
  explicit PhaseClock(Phase first) : phase_(first) {}
  /// Ends the phase before.
  void enter(Phase phase);
  /// Ends the last one.
  PhaseTimes stop();

 private:
  using Time = std::chrono::steady_clock;
  Phase phase_;
  Time::time_point begin_ = Time::now();
  PhaseTimes times_{};
};

/// The phases of many steps.
class PhaseReport {
 public:
  void add(const PhaseTimes& times);
  uint64_t steps() const { return step_.count(); }
  /// Of the whole time, 0..1.
  double share(Phase phase) const;
  double mean(Phase phase) const { return of(phase).mean(); }  ///< seconds
  /// The trainer waits for more than a twentieth of its time.
  bool data_limits() const { return share(Phase::kWait) > 0.05; }

  /// For a person, in one line: what limits the run, and of `stream` which part.
  std::string verdict(const Limit& stream) const;
  /// {"step": {"mean", "p50", "p95", "max"}, "wait": {...}, ...}, seconds.
  nlohmann::ordered_json to_json() const;

 private:
  const Latency& of(Phase phase) const { return phases_[static_cast<size_t>(phase)]; }

  Latency step_;
  std::array<Latency, kPhaseNames.size()> phases_{};
};

}  // namespace atelier
