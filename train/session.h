#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "configs/config.h"
#include "configs/console.h"
#include "data/manifest.h"
#include "data/plan.h"
#include "models/objective.h"
#include "train/run_folder.h"
#include "train/trainer.h"

/// A run, opened: what a start of atelier-train puts together before the first step. Part of the program: it prints.
namespace atelier {

struct Session {
  std::shared_ptr<const Manifest> manifest;
  RunFolder folder;
  StreamPlan plan;  ///< from where the run goes on to its end
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Trainer> trainer;  ///< with the newest checkpoint's tensors, unless all is done
  nlohmann::json inherited;          ///< init_from.json of a first start from other weights; null: none
  Examples held_out;                 ///< in memory on the CPU; empty: none
  Examples shown;                    ///< for the sample grids
  bool finished = false;             ///< nothing is left to do, neither steps nor the pictures after the last one
};

/// Opens the list, the run's folder and its newest good checkpoint, and builds the networks; says what it found.
/// Throws std::invalid_argument, one sentence, for what the user must change; then a run that is there is as it was.
///   accept_changes  of dangerous settings, as continue_run takes it
///   open            open_run_folder, or look_into_run_folder for a session that is to leave no trace
Session open_session(const Config& config, bool accept_changes, Console& console, const std::stop_token& stop,
                     RunFolder (*open)(const std::filesystem::path& path, Resume resume) = open_run_folder);

/// Of the objective's players, in order.
std::vector<std::string> player_names(Objective& objective);

/// How many images the trainer computes at once (train.micro_batch): what was chosen before, at a run's start as many
/// as fit, and no more than a step that ran out of memory has left room for. Throws OutOfMemory when not even one fits.
void settle_micro_batch(Session& session, const Config& config, Console& console, const std::stop_token& stop);

/// Fetches `held_out` and `shown`. Throws Interrupted once `stop` is requested.
void fetch_fixed_examples(Session& session, const Config& config, Console& console, const std::stop_token& stop);

}  // namespace atelier
