#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "configs/config.h"
#include "data/manifest.h"
#include "data/order.h"
#include "data/strata.h"
#include "data/verdicts.h"
#include "images/transform.h"

namespace atelier {

/// Where a stream stands: all that resume needs besides the settings and the list.
struct StreamState {
  uint64_t position = 0;  ///< the next one to be delivered (a multiple of nothing in particular)
  Verdicts verdicts;
};

/// What a stream is made of.
struct StreamPlan {
  std::shared_ptr<const Manifest> manifest;
  RowSet rows;                        ///< of the manifest: those to train on, or the held-out ones
  Order order;                        ///< of each stratum; entries: rows.size()
  std::vector<Stratum> strata;        ///< what the rows are shared out to
  std::vector<Weighting> weightings;  ///< as StratifiedOrder takes them
  std::vector<Size> frames;           ///< of each shape that a stratum may have; one: the square
  uint64_t block = 1;                 ///< positions that have one shape: the global batch at the first start
  uint64_t origin = 0;                ///< where the run turned to this list, if another one came before
  uint64_t batch = 32;                ///< global batch
  uint64_t rank = 0, world = 1;
  bool augment = true;  ///< false: no flip, no brightness (held-out batches)
  StreamState start;
  uint64_t end = std::numeric_limits<uint64_t>::max();  ///< the position behind the last one that is wanted

  bool has_shapes() const { return frames.size() > 1; }
  StratifiedOrder stratified_order() const { return {order, strata, weightings, origin, block}; }
};

/// The plan of a run from its settings: resolves order, split, mix, balance and shapes; opens nothing but the file of a
/// mix, and reads the list only for its shapes. What is held out comes as the lists have it: neither mixed nor balanced
/// nor augmented. Throws std::invalid_argument, one sentence.
///   progress  called now and then while the list is read for its shapes; it may throw
StreamPlan plan_stream(const Config& config, std::shared_ptr<const Manifest> manifest, bool held_out = false,
                       const std::function<void(double share)>& progress = {});

/// The rows of `plan`, which has one shape, to measure by: each once a pass, shuffled, whatever the weight of its list
/// or label, and not augmented.
StreamPlan each_row_once(StreamPlan plan);

/// `plan`, which plan_stream made of these settings, as a run has it whose first batch was `block`: that many positions
/// share a shape, and so many rows a shape has at least. Reads the list again where that may change what its shapes
/// are.
StreamPlan with_block(const Config& config, StreamPlan plan, uint64_t block,
                      const std::function<void(double share)>& progress = {});

/// Throws std::invalid_argument, one sentence, unless rank and world fit each other and the batch, and every batch has
/// one shape.
void check_share(const StreamPlan& plan);

}  // namespace atelier
