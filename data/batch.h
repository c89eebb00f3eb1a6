#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace atelier {

/// N samples in order of position, as the trainer takes them. Move-only; when the last holder of `buffer` lets go, the
/// memory returns to the stream's ring, so keep batches only as long as they are needed.
struct Batch {
  int64_t size = 0;            ///< N
  int height = 0, width = 0;   ///< H and W: the square, or with data.shapes one shape for the whole global batch
  int condition_channels = 0;  ///< C: 0 none, 1 outline, 3 file
  std::shared_ptr<uint8_t[]> buffer;
  uint8_t* images = nullptr;          ///< uint8 [N, 3, H, W], contiguous, inside buffer
  uint8_t* conditions = nullptr;      ///< uint8 [N, C, H, W], contiguous, inside buffer; null when C == 0
  std::vector<int64_t> labels;        ///< [N]; index into Manifest::labels(), -1: the entry has none
  std::vector<int64_t> positions;     ///< [N]
  std::vector<int64_t> entries;       ///< [N]; 0-based data row of the list; of the substitute, where there is one
  std::vector<std::string> captions;  ///< [N]; empty where the list has none
};

}  // namespace atelier
