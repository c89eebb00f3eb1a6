#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "data/batch.h"
#include "data/batch_ring.h"
#include "data/develop.h"
#include "data/manifest.h"
#include "data/stream.h"

namespace atelier {

/// The batches being filled. Samples of one rank are numbered 0, 1, 2, ... in order of position: `local` of them make a
/// batch. Slots are written in any order; samples are sealed in order, and the last one of a batch releases it.
///
/// One thread calls the functions; other threads write to the slots.
class Assembly {
 public:
  /// `returned` is called, on any thread, when somebody lets go of a batch's memory.
  Assembly(const StreamPlan& plan, const Recipe& recipe, std::function<void()> returned);

  uint64_t local() const { return local_; }              ///< samples of a batch; the plan's last one may have fewer
  uint64_t samples() const { return samples_; }          ///< of all batches until the plan ends
  uint64_t position_of(uint64_t index) const;            ///< of sample `index`
  uint64_t batch_bytes() const { return batch_bytes_; }  ///< of the largest shape, which any other is given too
  uint64_t bytes_in_use() const { return ring_.bytes_in_use(); }
  uint64_t open_batches() const { return open_.size(); }

  /// Whether the batch of sample `index` is open. Batches are opened in order.
  bool has_slot(uint64_t index) const { return index / local_ < first_open_ + open_.size(); }
  void open_batch(const Size& frame);
  Slot slot(uint64_t index);

  /// Records what sample `index`, the next in order, has become; returns its batch when that is now complete.
  std::optional<Batch> seal(uint64_t index, uint64_t row, const Entry& entry);

 private:
  const StreamPlan& plan_;
  const Share share_;
  const uint64_t local_, samples_;
  const int channels_;  // of a condition
  const uint64_t batch_bytes_;
  BatchRing ring_;
  uint64_t first_open_ = 0;
  std::deque<Batch> open_;
};

}  // namespace atelier
