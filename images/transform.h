#pragma once

#include <cstdint>
#include <span>

#include "images/image.h"

/// Pixels to pixels. Pure functions, any number of threads at once.
namespace atelier {

enum class SquareFit { kCrop, kPad };

/// `image` as a square of `side` pixels, resampled by area when shrinking and bilinearly when growing.
///   kCrop  the shorter edge is scaled to `side`, then the centre is cut
///   kPad   the longer edge is scaled to `side`, the rest is white, centred
Image fit_square(const Image& image, int side, SquareFit fit);

/// What happens to one sample. A pure function of (seed, position).
struct Augmentation {
  bool flip = false;        ///< mirrored left to right
  double brightness = 1.0;  ///< factor on every channel, rounded and clamped to 0..255
};

/// Draws from Purpose::kFlip and Purpose::kBrightness: mirrored with probability 1/2 when `flip`, brightness uniform in
/// [1 - brightness, 1 + brightness). The two are independent of each other.
Augmentation draw_augmentation(uint64_t seed, uint64_t position, bool flip, double brightness);

void augment(Image& image, const Augmentation& augmentation);

/// The lines of a picture: where a designer would have drawn them. Same size as `image`.
/// Canny (1986) on the square root of each channel's distance from white, lightly blurred, strongest response over the
/// three channels: white furniture on a white ground keeps its lines, and the grain of wood does not become any.
Outline outline(const Image& image);

/// Interleaved RGB to planes: out[c * height * width + y * width + x]. out.size() == 3 * height * width.
void to_planes(const Image& image, std::span<uint8_t> out);

/// The inverse of to_planes.
Image from_planes(std::span<const uint8_t> planes, int width, int height);

/// An outline as a white-on-black picture, for looking at.
Image to_image(const Outline& lines);

/// A contact sheet: `cells` row by row in `columns` columns, all of the size of the first, `gap` white pixels apart.
Image contact_sheet(std::span<const Image> cells, int columns, int gap = 4);

/// `image` with every pixel repeated `factor` times each way, so that small pictures can be looked at.
Image enlarge(const Image& image, int factor);

}  // namespace atelier
