#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "images/image.h"
#include "train/clock.h"
#include "train/events.h"
#include "train/held_out.h"
#include "train/trainer.h"

namespace atelier {

/// Means over the steps since the last report.
class Interval {
 public:
  void add(const StepResult& result, uint64_t samples);
  uint64_t steps() const { return steps_; }
  uint64_t skipped() const { return skipped_; }
  uint64_t overflows() const { return overflows_; }
  double loss(size_t player) const { return losses_.at(player) / static_cast<double>(steps_); }
  double norm(size_t player) const { return norms_.at(player) / static_cast<double>(steps_); }
  double images_per_second() const;
  double waiting() const;  ///< share of the time that went into waiting for data, 0..1

 private:
  uint64_t steps_ = 0, samples_ = 0, skipped_ = 0, overflows_ = 0;
  double waited_ = 0, computed_ = 0;
  std::vector<double> losses_, norms_;  // sums, by player
};

/// Writes what a run leaves for people and tools to look at: metrics.jsonl (docs/metrics.md), events/ for TensorBoard,
/// samples/, status.json. Prints nothing. Throws std::runtime_error when the disk refuses; a later call
/// tries anew.
class Report {
 public:
  /// Goes on at `clock`: lines, events and samples beyond it are removed, so that every file stays in order.
  Report(const std::filesystem::path& run_dir, std::vector<std::string> players, const Clock& clock,
         int64_t steps_per_epoch);

  /// After each step; `clock` has it. Every 10 steps a line of metrics is written.
  void step(const Clock& clock, const StepResult& result);

  /// At the end of an epoch; `name` is what `loss` measures. False: over other samples than the run measured before.
  bool held_out(const Clock& clock, const std::string& name, const HeldOutLoss& loss);
  /// The position of the last held-out loss; 0: there is none.
  uint64_t held_out_at() const { return held_out_at_; }
  /// Writes where the time went since the last such line, and returns PhaseReport::verdict.
  std::string times(const Clock& clock, const Limit& stream);
  void samples(const Clock& clock, const Image& grid);
  /// Whether there is a grid of this position.
  bool has_samples(const Clock& clock) const;
  void text(const Clock& clock, const std::string& tag, const std::string& text) {
    events_.text(tag, clock.position(), text);
  }

  /// Rewrites status.json, whole. `state` is running, finished, interrupted or failed; `saved` is the position of the
  /// newest checkpoint.
  void status(const Clock& clock, const std::string& state, std::optional<uint64_t> saved);

  /// One line for a person: epoch, step, losses, images/s, share of time waiting, time left.
  std::string progress(const Clock& clock) const;

 private:
  void write_line(const Clock& clock, nlohmann::json line);
  void write_interval(const Clock& clock, double rate);
  double seconds_left(const Clock& clock) const;
  uint64_t epoch(const Clock& clock) const;  ///< of the last step, from 1

  std::filesystem::path run_dir_;
  std::vector<std::string> players_;
  uint64_t steps_per_epoch_;
  EventWriter events_;
  Interval interval_;                    // since the last line of metrics
  Interval recent_;                      // the last whole one, for people
  PhaseReport phases_;                   // since the last line of times
  std::optional<HeldOutLoss> held_out_;  // the last one
  std::string held_out_name_, held_out_set_;
  uint64_t held_out_at_ = 0;
  double seconds_ = 0;  // spent in steps by this process
  uint64_t start_;      // position where this process began
};

}  // namespace atelier
