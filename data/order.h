#pragma once

#include <cstdint>

/// Which entry a position stands for. Pure functions; nothing is fetched, nothing is stored.
namespace atelier {

enum class OrderMode { kFull, kWindow, kNone };

/// How a run visits `entries` entries. Resolved once and stored with the run.
struct Order {
  uint64_t seed = 0;
  uint64_t entries = 0;  ///< > 0
  OrderMode mode = OrderMode::kFull;
  uint64_t window = 0;  ///< entries of a window; only for kWindow
};

/// The window of a run: max(1000, 10 * global batch).
uint64_t shuffle_window(uint64_t global_batch);

/// A keyed bijection of [0, size): Feistel network over the next even power of two, cycle-walked into range (Black and
/// Rogaway 2002). O(1) memory.
uint64_t permute(uint64_t index, uint64_t size, uint64_t seed, uint64_t key);

/// The pass that `position` belongs to: position / entries.
uint64_t pass_of(const Order& order, uint64_t position);

/// The slot in [0, order.entries) at `position`. Every pass visits every slot once; each pass has its own key.
/// kWindow permutes the windows of a pass, and the entries inside each.
uint64_t slot_at(const Order& order, uint64_t position);

/// The slot that stands in at `position` when the first one and `attempt` - 1 substitutes cannot be had. attempt >= 1.
uint64_t substitute_at(const Order& order, uint64_t position, uint64_t attempt);

/// Offsets of a global batch that a rank delivers: [floor(rB/W), floor((r+1)B/W)).
struct Share {
  uint64_t begin = 0;
  uint64_t end = 0;
};
Share share_of(uint64_t rank, uint64_t world, uint64_t global_batch);

}  // namespace atelier
