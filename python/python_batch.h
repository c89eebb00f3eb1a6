#pragma once

#include <ATen/core/Tensor.h>
#include <optional>
#include <string>
#include <vector>

#include "data/batch.h"

namespace atelier {

/// What `atelier.Batch` is. Images and conditions are the batch's own memory, which goes back to the stream when the
/// last of both and of their views is gone; the rest is small and copied, so that keeping labels keeps no pixels.
struct PythonBatch {
  at::Tensor images;                     ///< uint8 [N, 3, H, W]
  std::optional<at::Tensor> conditions;  ///< uint8 [N, C, H, W]
  at::Tensor labels;                     ///< int64 [N], and so the next two
  at::Tensor positions;
  at::Tensor entries;
  std::vector<std::string> captions;
};

PythonBatch to_python(Batch batch);

}  // namespace atelier
