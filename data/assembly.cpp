#include "data/assembly.h"

#include <algorithm>
#include <utility>

namespace atelier {
namespace {

uint64_t frame_bytes(const Size& frame, int channels) {
  return static_cast<uint64_t>(channels) * static_cast<uint64_t>(frame.height) * static_cast<uint64_t>(frame.width);
}

/// How many samples a share has before the plan's end.
uint64_t samples_of(const StreamPlan& plan, const Share& share) {
  const uint64_t positions = plan.end - std::min(plan.end, plan.start.position);
  const uint64_t in_the_last = std::clamp(positions % plan.batch, share.begin, share.end) - share.begin;
  return positions / plan.batch * (share.end - share.begin) + in_the_last;
}

/// Where the conditions of `samples` begin in a buffer.
uint64_t conditions_begin(const Size& frame, uint64_t samples) {
  return (samples * frame_bytes(frame, 3) + 63) / 64 * 64;
}

uint64_t largest_batch(const StreamPlan& plan, uint64_t samples, int channels) {
  uint64_t most = 0;
  for (const Size& frame : plan.frames)
    most = std::max(most, conditions_begin(frame, samples) + samples * frame_bytes(frame, channels));
  return most;
}

}  // namespace

Assembly::Assembly(const StreamPlan& plan, const Recipe& recipe, std::function<void()> returned)
    : plan_(plan),
      share_(share_of(plan.rank, plan.world, plan.batch)),
      local_(share_.end - share_.begin),
      samples_(samples_of(plan, share_)),
      channels_(condition_channels(recipe.condition)),
      batch_bytes_(largest_batch(plan, local_, channels_)),
      ring_(batch_bytes_, std::move(returned)) {}

uint64_t Assembly::position_of(uint64_t index) const {
  return plan_.start.position + index / local_ * plan_.batch + share_.begin + index % local_;
}

void Assembly::open_batch(const Size& frame) {
  Batch batch;
  batch.size = static_cast<int64_t>(local_);
  batch.height = frame.height;
  batch.width = frame.width;
  batch.condition_channels = channels_;
  batch.buffer = ring_.take();
  batch.images = batch.buffer.get();
  if (channels_ > 0) batch.conditions = batch.buffer.get() + conditions_begin(frame, local_);
  open_.push_back(std::move(batch));
}

Slot Assembly::slot(uint64_t index) {
  const Batch& batch = open_.at(index / local_ - first_open_);
  const Size frame{batch.width, batch.height};
  const uint64_t offset = index % local_, bytes = frame_bytes(frame, 3),
                 condition_bytes = frame_bytes(frame, channels_);
  Slot slot{.frame = frame, .image = {batch.images + offset * bytes, bytes}, .condition = {}};
  if (channels_ > 0) slot.condition = {batch.conditions + offset * condition_bytes, condition_bytes};
  return slot;
}

std::optional<Batch> Assembly::seal(uint64_t index, uint64_t row, const Entry& entry) {
  Batch& batch = open_.front();
  batch.labels.push_back(plan_.manifest->label_index(row));
  batch.positions.push_back(static_cast<int64_t>(position_of(index)));
  batch.entries.push_back(static_cast<int64_t>(row));
  batch.captions.push_back(entry.caption);
  if (index % local_ + 1 < local_ && index + 1 < samples_) return std::nullopt;
  Batch complete = std::move(batch);
  complete.size = static_cast<int64_t>(complete.positions.size());
  open_.pop_front();
  ++first_open_;
  return complete;
}

}  // namespace atelier
