#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace atelier {

/// Reused buffers of one size, 64-byte aligned. A buffer goes back when its last holder lets go, on whatever thread
/// and even after the ring is gone; so memory grows to the most that was ever in use at once, and no further.
class BatchRing {
 public:
  /// `returned` is called after each buffer that comes back while the ring lives, on the thread that let go.
  BatchRing(size_t buffer_bytes, std::function<void()> returned);
  ~BatchRing();
  BatchRing(const BatchRing&) = delete;
  BatchRing& operator=(const BatchRing&) = delete;

  std::shared_ptr<uint8_t[]> take();
  size_t bytes_in_use() const;

 private:
  struct Shelf;
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace atelier
