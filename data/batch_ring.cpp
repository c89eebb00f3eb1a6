#include "data/batch_ring.h"

#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace atelier {
namespace {

constexpr std::align_val_t kAlignment{64};

struct FreeBuffer {
  void operator()(uint8_t* bytes) const noexcept { ::operator delete(bytes, kAlignment); }
};
using Buffer = std::unique_ptr<uint8_t, FreeBuffer>;

}  // namespace

/// Shared by the ring and every buffer that is out, so that either may go first.
struct BatchRing::Shelf {
  const size_t buffer_bytes;
  std::mutex mutex;  // guards what follows
  std::vector<Buffer> spare;
  size_t out = 0;
  std::function<void()> returned;  // empty once the ring is gone

  explicit Shelf(size_t bytes) : buffer_bytes(bytes) {}

  Buffer take() {
    const std::lock_guard lock(mutex);
    ++out;
    if (spare.empty()) return Buffer(static_cast<uint8_t*>(::operator new(buffer_bytes, kAlignment)));
    Buffer buffer = std::move(spare.back());
    spare.pop_back();
    return buffer;
  }
  void put_back(Buffer buffer) {
    const std::lock_guard lock(mutex);
    --out;
    if (!returned) return;
    spare.push_back(std::move(buffer));
    returned();
  }
};

BatchRing::BatchRing(size_t buffer_bytes, std::function<void()> returned)
    : shelf_(std::make_shared<Shelf>(buffer_bytes)) {
  shelf_->returned = std::move(returned);
}

BatchRing::~BatchRing() {
  const std::lock_guard lock(shelf_->mutex);
  shelf_->returned = nullptr;
  shelf_->spare.clear();
}

std::shared_ptr<uint8_t[]> BatchRing::take() {
  Buffer buffer = shelf_->take();
  return {buffer.release(), [shelf = shelf_](uint8_t* bytes) { shelf->put_back(Buffer(bytes)); }};
}

size_t BatchRing::bytes_in_use() const {
  const std::lock_guard lock(shelf_->mutex);
  return shelf_->out * shelf_->buffer_bytes;
}

}  // namespace atelier
