#include "data/assembly.h"

#include <utility>

namespace atelier {
namespace {

uint64_t square_bytes(const Recipe& recipe, int channels) {
  return static_cast<uint64_t>(channels) * static_cast<uint64_t>(recipe.framing.size.width) *
         static_cast<uint64_t>(recipe.framing.size.width);
}

uint64_t aligned(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Assembly::Assembly(const StreamPlan& plan, const Recipe& recipe, std::function<void()> returned)
    : plan_(plan),
      share_(share_of(plan.rank, plan.world, plan.batch)),
      local_(share_.end - share_.begin),
      image_bytes_(square_bytes(recipe, 3)),
      condition_bytes_(square_bytes(recipe, condition_channels(recipe.condition))),
      conditions_begin_(aligned(local_ * image_bytes_)),
      batch_bytes_(conditions_begin_ + local_ * condition_bytes_),
      side_(recipe.framing.size.width),
      channels_(condition_channels(recipe.condition)),
      ring_(batch_bytes_, std::move(returned)) {}

uint64_t Assembly::position_of(uint64_t index) const {
  return plan_.start.position + index / local_ * plan_.batch + share_.begin + index % local_;
}

void Assembly::open_batch() {
  Batch batch;
  batch.size = static_cast<int64_t>(local_);
  batch.side = side_;
  batch.condition_channels = channels_;
  batch.buffer = ring_.take();
  batch.images = batch.buffer.get();
  if (channels_ > 0) batch.conditions = batch.buffer.get() + conditions_begin_;
  open_.push_back(std::move(batch));
}

Slot Assembly::slot(uint64_t index) {
  const Batch& batch = open_.at(index / local_ - first_open_);
  const uint64_t offset = index % local_;
  Slot slot{.image = {batch.images + offset * image_bytes_, image_bytes_}, .condition = {}};
  if (channels_ > 0) slot.condition = {batch.conditions + offset * condition_bytes_, condition_bytes_};
  return slot;
}

std::optional<Batch> Assembly::seal(uint64_t index, uint64_t row, const Entry& entry) {
  Batch& batch = open_.front();
  batch.labels.push_back(plan_.manifest->label_index(row));
  batch.positions.push_back(static_cast<int64_t>(position_of(index)));
  batch.entries.push_back(static_cast<int64_t>(row));
  batch.captions.push_back(entry.caption);
  if (index % local_ + 1 < local_) return std::nullopt;
  Batch complete = std::move(batch);
  open_.pop_front();
  ++first_open_;
  return complete;
}

}  // namespace atelier
