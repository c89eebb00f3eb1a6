#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/settings.h"
#include "data/chooser.h"
#include "data/develop.h"
#include "data/manifest.h"
#include "data/plan.h"
#include "data/verdicts.h"
#include "train/run_state.h"

/// Which data was in a step: follows from (seed, position), the list, the ledger and the run's state. Nothing is
/// fetched. docs/training.md says what is exact.
namespace atelier {

/// A run as its newest good checkpoint has it.
struct SavedRun {
  RunState state;
  Verdicts verdicts;
};

/// Reads no more of the checkpoint than that. Damaged ones are named in `warnings` and passed over. Throws
/// std::invalid_argument when none is good.
SavedRun read_saved_run(const std::filesystem::path& run_dir, std::vector<std::string>& warnings);

/// The run's settings, but where `given` says anew where the list lies and how images are fetched. Throws
/// std::invalid_argument for a flag that says anything else.
Resolved settings_of_run(const RunState& state, const Resolved& given);

/// One sample as a step was given it.
struct StepSample {
  uint64_t position = 0;
  uint64_t entry = 0;          ///< row of the list
  uint64_t attempt = 0;        ///< 0: the row that the order has here; n: the n-th that stands in for it
  uint64_t ordered = 0;        ///< the row that the order has here
  std::optional<Fault> fault;  ///< why that one could not be had, when another stands in
  std::string url;             ///< without credentials
  std::optional<std::string> label;
  bool label_withheld = false, condition_withheld = false;  ///< it was trained without
  Size frame;                                               ///< of its pixels
  Augmentation augmentation;
  Degradation degradation;
  std::optional<double> noise_level;  ///< of diffusion: sigma of EDM, t of flow matching
};

/// What the steps of a run were given, from where it turned to its list up to its newest checkpoint. Reading is const
/// and may be done from any number of threads.
class StepData {
 public:
  /// Throws std::invalid_argument, one sentence, when this is not the run's list, or not its weights of a mix.
  ///   settings  as settings_of_run gives them
  ///   progress  called now and then while the list is read for its shapes; it may throw
  StepData(const Resolved& settings, std::shared_ptr<const Manifest> manifest, SavedRun run,
           const std::function<void(double share)>& progress = {});

  const Clock& clock() const { return run_.state.clock; }
  uint64_t begin() const { return plan_.origin; }      ///< the first position that can be named
  uint64_t end() const { return clock().position(); }  ///< behind the last one
  const std::shared_ptr<const Manifest>& manifest() const { return plan_.manifest; }

  /// The samples of step `step`, which count from 1. Throws std::invalid_argument, one sentence, for steps beyond the
  /// checkpoint, and for those that drew from an earlier list.
  std::vector<StepSample> samples_of(uint64_t step) const;

  /// The row that stood at `position`, begin() <= position < end().
  uint64_t entry_at(uint64_t position) const { return choice_at(position).row; }
  /// The noise levels of `count` positions from `begin` on; empty: the run has none.
  std::vector<double> noise_levels(uint64_t begin, uint64_t count) const;

 private:
  Chooser::Choice choice_at(uint64_t position) const;
  Recipe recipe_at(uint64_t position) const;
  StepSample sample_at(uint64_t position, const Recipe& recipe) const;

  const Resolved settings_;
  const SavedRun run_;
  const StreamPlan plan_;
  const Chooser chooser_;
};

}  // namespace atelier
