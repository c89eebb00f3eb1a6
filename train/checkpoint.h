#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <torch/torch.h>

#include "models/spec.h"

/// Writing checkpoints; models/checkpoint.h reads them. docs/run-folder.md describes the files.
namespace atelier {

/// All that a run consists of at one position.
struct Snapshot {
  std::map<std::string, torch::Tensor> model;         ///< "<player>.<parameter or buffer>"
  std::map<std::string, torch::Tensor> average;       ///< the same names, averaged players only; of kShortLength
  std::map<std::string, torch::Tensor> long_average;  ///< of kLongLength
  std::map<std::string, torch::Tensor> optimizer;     ///< Optimizer::state() of every player
  ModelSpec spec;
  std::string verdicts;  ///< Verdicts::to_jsonl()
  nlohmann::json state;  ///< state.json; its "files" is filled in here
};

/// Publishes RUN/positions/NNNNNNNNNNNN/ whole: a kill at any instruction, a full disk or an error leaves the older
/// checkpoints as they were. state.json is written last and holds the SHA-256 of the others. Throws std::runtime_error
/// when the disk refuses.
void save_checkpoint(const std::filesystem::path& run_dir, uint64_t position, const Snapshot& snapshot);

/// Removes all but the newest `keep` checkpoints (at least 1) up to position `saved`, and what killed savings left
/// behind. Checkpoints beyond `saved` stay uncounted: the run went back past them because they could not be used, and
/// replaces or passes them when it gets there again.
void prune_checkpoints(const std::filesystem::path& run_dir, uint64_t saved, int64_t keep);

}  // namespace atelier
