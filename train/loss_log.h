#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/clock.h"
#include "train/trainer.h"

/// A run's losses.jsonl (train.log_losses): the loss of every sample of every step. docs/run-folder.md has the format.
namespace atelier {

/// One line.
struct StepLosses {
  uint64_t position = 0;  ///< behind the step's last sample
  uint64_t step = 0;      ///< steps done with it
  /// Player -> the loss of each sample, in order of position; NaN where it was not finite. In the order in which a step
  /// trains them, and as long as each other: at least one player, and one sample.
  std::vector<std::pair<std::string, std::vector<float>>> players;

  uint64_t size() const { return players.front().second.size(); }
  uint64_t begin() const { return position - size(); }  ///< of the first sample
};

/// Writes the log. Prints nothing.
class LossLog {
 public:
  /// Goes on at `position`: what is beyond is removed, whether or not anything is to be written (`wanted`).
  LossLog(const std::filesystem::path& run_dir, uint64_t position, bool wanted);

  /// After each step; `clock` has it. Throws std::runtime_error when the disk refuses: then the line is missing.
  void step(const Clock& clock, const std::vector<std::string>& players, const StepResult& result) const;

 private:
  const std::filesystem::path path_;
  const bool wanted_;
};

/// Reads the log, also while a run writes it. Lines are found by bisection, so that a long log costs no more than a
/// short one. A last line that is not whole is none; another that is none throws std::invalid_argument, one sentence.
class LoggedLosses {
 public:
  explicit LoggedLosses(const std::filesystem::path& run_dir);

  bool exist() const;
  /// Of the step whose first sample is at `begin`; nothing: it was not logged.
  std::optional<StepLosses> of_step_at(uint64_t begin) const;
  /// Calls take(line) for each step whose samples lie in [begin, end), in order, until it returns false.
  void each_between(uint64_t begin, uint64_t end, const std::function<bool(const StepLosses&)>& take) const;

 private:
  std::filesystem::path path_;
};

}  // namespace atelier
