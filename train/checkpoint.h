#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <torch/types.h>
#include <vector>

#include "configs/config.h"
#include "models/spec.h"
#include "train/clock.h"

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

/// The files of every checkpoint beside state.json.
inline const std::vector<std::string> kCheckpointFiles = {
    "model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors", "verdicts.jsonl"};

/// Publishes RUN/positions/NNNNNNNNNNNN/ whole: a kill at any instruction, a full disk or an error leaves the older
/// checkpoints as they were. state.json is written last and holds the SHA-256 of the others. Throws std::runtime_error
/// when the disk refuses.
void save_checkpoint(const std::filesystem::path& run_dir, uint64_t position, const Snapshot& snapshot);

/// Bytes that such a checkpoint, and its two averages alone, take on the disk, to a few thousand.
uint64_t checkpoint_bytes(const Snapshot& snapshot);
uint64_t averages_bytes(const Snapshot& snapshot);

/// Which checkpoints stay: a function of their positions alone, so that it does not matter how often a run was stopped.
struct Keep {
  int64_t newest = 1;                  ///< so many of the newest, at least 1
  uint64_t every = 0;                  ///< for good: those whose step is a multiple of this; 0: none
  std::vector<Segment> segments = {};  ///< Clock::segments(): which position is which step
};

/// train.keep_checkpoints and train.keep_every of a run with this clock.
Keep keep_of(const TrainConfig& config, const Clock& clock);

/// Removes the checkpoints up to position `saved` that `keep` does not name, and what killed savings left behind.
/// Checkpoints beyond `saved` stay uncounted: the run went back past them because they could not be used, and replaces
/// or passes them when it gets there again.
void prune_checkpoints(const std::filesystem::path& run_dir, uint64_t saved, const Keep& keep);

/// Bytes of a disk.
struct Room {
  uint64_t needed = 0;
  uint64_t free = 0;  ///< with what killed savings left behind
  bool suffices() const { return needed <= free; }
};

/// What a run at `position` needs to begin: two more checkpoints of `bytes` each beside those that stay after the next
/// one (a new one is complete before an older one goes) and `averages` bytes of averages to come. The folder need not
/// be there yet.
Room room_to_begin(const std::filesystem::path& run_dir, uint64_t position, const Keep& keep, uint64_t bytes,
                   uint64_t averages);

/// What it comes to need by its end, at the most, with so many checkpoints still to be saved and so many steps to come.
Room room_to_end(const std::filesystem::path& run_dir, const Clock& clock, const Keep& keep, uint64_t saves,
                 uint64_t bytes, uint64_t averages);

/// Why a run cannot begin with this room, in one sentence.
std::string no_room_sentence(const std::filesystem::path& run_dir, const Room& room, bool with_averages);

/// Removes what killed savings left behind. Then throws std::invalid_argument, no_room_sentence(), when there is no
/// room_to_begin().
void make_sure_of_room(const std::filesystem::path& run_dir, uint64_t position, const Keep& keep, uint64_t bytes,
                       uint64_t averages = 0);

}  // namespace atelier
