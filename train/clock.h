#pragma once

#include <algorithm>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace atelier {

/// A stretch of a run in which the global batch had one size: from `position`, which was the start of step `step`.
struct Segment {
  uint64_t position = 0;
  uint64_t step = 0;
  uint64_t batch = 0;
  bool operator==(const Segment&) const = default;
};

/// How far a run is. It counts positions (samples since the start of the run); steps follow (law 2). A value.
class Clock {
 public:
  /// The start of a run of `total` positions. batch and total > 0.
  Clock(uint64_t batch, uint64_t total);

  uint64_t position() const { return position_; }
  uint64_t total() const { return total_; }  ///< fixed at the first start, until change_total
  uint64_t batch() const { return segments_.back().batch; }
  uint64_t step() const;  ///< steps done
  uint64_t steps_left() const;
  bool finished() const { return position_ >= total_; }
  const std::vector<Segment>& segments() const { return segments_; }

  /// Step `step` as a stretch of its own: where it began, the steps done before it, and its batch. 1 <= step <= step().
  Segment of_step(uint64_t step) const;

  /// One step is done.
  void advance() { position_ += batch(); }

  /// Steps from here on take `batch` samples.
  void change_batch(uint64_t batch);

  /// The run ends at `total` now, or where it stands if that is farther.
  void change_total(uint64_t total) { total_ = std::max(total, position_); }

  /// {"position", "step", "total_positions", "segments"}; from_json throws std::invalid_argument on anything else.
  nlohmann::json to_json() const;
  static Clock from_json(const nlohmann::json& json);

 private:
  uint64_t position_ = 0, total_;
  std::vector<Segment> segments_;  // ascending, never empty
};

}  // namespace atelier
