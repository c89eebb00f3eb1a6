#include "python/python_batch.h"

#include <memory>
#include <unistd.h>
#include <utility>

#include "train/tensors.h"

namespace atelier {
namespace {

/// Holds `buffer`; in a forked child for ever, since there the lock of the stream's ring may never open.
std::shared_ptr<void> held_here(const std::shared_ptr<uint8_t[]>& buffer) {
  const auto let_go = [owner = getpid()](std::shared_ptr<uint8_t[]>* held) {
    if (getpid() == owner) delete held;
  };
  return std::shared_ptr<std::shared_ptr<uint8_t[]>>(new std::shared_ptr(buffer), let_go);
}

}  // namespace

PythonBatch to_python(Batch batch) {
  const std::shared_ptr<void> buffer = held_here(batch.buffer);
  PythonBatch result{.images = tensor_over(batch.images, batch, 3, buffer),
                     .conditions = {},
                     .labels = labels_of(batch),
                     .positions = at::tensor(batch.positions, at::kLong),
                     .entries = at::tensor(batch.entries, at::kLong),
                     .captions = std::move(batch.captions)};
  if (batch.conditions) result.conditions = tensor_over(batch.conditions, batch, batch.condition_channels, buffer);
  return result;
}

}  // namespace atelier
