#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "images/taps.h"
#include "images/transform.h"

/// A stored picture into a frame, row by row as the decoder delivers it. Not for callers outside images/.
namespace atelier {

/// Where a stored picture lands in the frame.
struct Placement {
  Size frame;                                    ///< before `transposed`
  int left = 0, top = 0, columns = 0, rows = 0;  ///< the part of the stored picture that is shown, pixels
  int x = 0, y = 0, width = 0, height = 0;       ///< where, before `transposed`
  bool mirror_x = false, mirror_y = false;       ///< of the stored picture
  bool transposed = false;                       ///< at last, rows and columns change places
  Filter filter = Filter::kBilinear;
  uint32_t factor = 1 << 16;  ///< brightness, in 1 / 65536
};

/// Whether EXIF's `orientation` exchanges rows and columns.
inline bool is_transposed(int orientation) { return orientation >= 5; }

/// An upright size as a file of this orientation has it.
inline Size as_stored(Size upright, int orientation) {
  return is_transposed(orientation) ? Size{upright.height, upright.width} : upright;
}

/// `orientation` is EXIF's: what is cut and mirrored is the upright picture.
Placement place(int width, int height, int orientation, const Framing& framing, const Augmentation& augmentation);

/// All of a picture's samples (three channels, interleaved), or one plane of it (grey alone, or Y, Cb and Cr).
struct Layer {
  int width = 0, height = 0;  ///< samples
  int channels = 1;
  int coarse_x = 1, coarse_y = 1;  ///< pixels of the picture under a sample

  bool operator==(const Layer&) const = default;
};

/// The newest rows of a layer in memory: row y is at samples + y % kept * stride and begins with column `left`.
struct Rows {
  const uint8_t* samples = nullptr;
  size_t stride = 0;
  int kept = 0;
  int left = 0;
};

/// Resamples the layers of one picture into planes. The result is as if all rows had been there from the start.
class Resizer {
 public:
  /// `planes`: 3 * height * width bytes of the frame, filled with white where the picture does not reach.
  Resizer(const Placement& placement, std::span<const Layer> layers, std::span<uint8_t> planes);

  /// How many rows of layer `index` are asked for at a time, at most, when every reading adds `readings[i]` rows to
  /// layer i.
  int rows_to_keep(size_t index, std::span<const int> readings) const;

  /// Makes the target rows that have become possible now that the first available[i] rows of layer i are known.
  void advance(std::span<const Rows> rows, std::span<const int> available);

  /// Call once all rows were there.
  void finish();

 private:
  struct Part {
    int channels = 1;
    Taps horizontal, vertical;
    int first = 0, samples = 0;  // of a source row: those that any target asks for
    size_t stride = 0;
    std::vector<int16_t> strip;           // kStrip rows of the target's height and the source's width
    std::vector<const uint8_t*> sources;  // of one target row
  };

  static Part part_of(const Layer& layer, const Placement& placement);
  void blend_row(Part& part, const Rows& rows);
  void finish_strip();
  uint8_t* target(int channel, int row) const;

  const Placement placement_;
  const std::span<uint8_t> planes_;
  std::vector<Part> parts_;
  std::vector<int16_t> columns_, narrow_, strip_;
  int next_ = 0;  // target row
};

/// The whole of `image`, which stands as `placement` was told.
void resize(const Image& image, const Placement& placement, std::span<uint8_t> planes);

}  // namespace atelier
