#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <memory>

#include "data/batch.h"

/// A batch as tensors on the CPU. Needs atelier::data and atelier::torch, nothing of atelier::train.
namespace atelier {

/// uint8 [N, channels, H, W] at `pixels`, which lie in `buffer`; it lives as long as the tensor and its views.
inline at::Tensor tensor_over(uint8_t* pixels, const Batch& batch, int64_t channels, std::shared_ptr<void> buffer) {
  if (!pixels) return {};
  return at::from_blob(
      pixels, {batch.size, channels, batch.height, batch.width}, [held = std::move(buffer)](void*) {}, at::kByte);
}

/// uint8 [N, 3, H, W]: the batch's own memory, which goes back to the stream with the last tensor that shows it.
inline at::Tensor images_of(const Batch& batch) { return tensor_over(batch.images, batch, 3, batch.buffer); }

/// uint8 [N, C, H, W], likewise; undefined where there is no input image.
inline at::Tensor conditions_of(const Batch& batch) {
  return tensor_over(batch.conditions, batch, batch.condition_channels, batch.buffer);
}

/// int64 [N], a copy.
inline at::Tensor labels_of(const Batch& batch) { return at::tensor(batch.labels, at::kLong); }

}  // namespace atelier
