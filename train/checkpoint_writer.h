#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <string>

#include "train/checkpoint.h"

namespace atelier {

/// Saves checkpoints and averages in the background: the training loop stands still while the live tensors are copied,
/// about as long as a memcpy of their bytes takes; hashing, writing, syncing and pruning happen on a thread of their
/// own.
///
/// Costs memory on the CPU: one copy of everything that a checkpoint holds, for a model of P averaged parameters
/// 20 P bytes (weights, two averages and two moments, float32). It is taken and touched by the constructor and reused,
/// so that no save faults pages in; for tensors on a GPU it is page-locked.
///
/// One save is under way at a time. For one thread; the one in the background touches nothing but the copy, which is
/// its own until poll() or wait() has seen its end. Destroying waits for it.
class CheckpointWriter {
 public:
  /// `live` has the names, types and shapes of all snapshots to come. `keep` says what pruning leaves, `saved` at which
  /// position a checkpoint is there already.
  CheckpointWriter(std::filesystem::path run_dir, Keep keep, const Snapshot& live, std::optional<uint64_t> saved = {});

  /// What to save of a state.
  struct Parts {
    bool checkpoint = true;
    bool averages = false;  ///< as a snapshot that stays (average_snapshots.h)
    bool prune = true;      ///< afterwards
  };

  /// Begins to save the state at `position`: its tensors are copied when this returns. Waits first when the save before
  /// is still being written, and returns what failed there, as wait() does. Throws std::system_error when the system
  /// has no thread left.
  std::optional<std::string> save(uint64_t position, const Snapshot& live, Parts parts = {true, false, true});

  /// What failed since this was last asked, in one sentence; a failed save leaves the older checkpoints as they were,
  /// and the next one may succeed. Does not wait.
  std::optional<std::string> poll();

  /// The same, after the save under way has ended.
  std::optional<std::string> wait();

  /// The position of the newest checkpoint, as far as poll() and wait() have seen; nothing: there is none.
  std::optional<uint64_t> saved() const { return saved_; }

 private:
  /// How a save ended.
  struct Outcome {
    bool published = false;
    std::optional<std::string> failure;
  };
  static Outcome write(const std::filesystem::path& run_dir, uint64_t position, const Snapshot& snapshot,
                       const Keep& keep, Parts parts);

  const std::filesystem::path run_dir_;
  const Keep keep_;
  Snapshot copy_;
  uint64_t position_ = 0;  // of the save under way
  std::optional<uint64_t> saved_;
  std::future<Outcome> writing_;  // last, so that it ends before what it reads goes; not valid: nothing is under way
};

}  // namespace atelier
