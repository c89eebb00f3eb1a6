#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "images/image.h"

/// Pixels to pixels. Pure functions, any number of threads at once.
namespace atelier {

/// Pixels across and down.
struct Size {
  int width = 0;
  int height = 0;
  bool operator==(const Size&) const = default;
};

enum class FrameFit {
  kCrop,     ///< scaled to cover the frame, what stands out is cut
  kPad,      ///< scaled to fit inside the frame, centred, the rest is white
  kStretch,  ///< each edge is scaled by itself
};

/// How a picture is resampled. All are antialiased: when shrinking, each pixel counts all that it covers.
enum class Filter {
  kArea,      ///< the mean of what a pixel covers, parts of pixels included; bilinear when growing
  kBilinear,  ///< a triangle of twice that width: softer; Pillow's BILINEAR
  kLanczos,   ///< a windowed sinc of six times that width: sharpest, may ring at edges; Pillow's LANCZOS
};

/// How a picture fills a frame of a given size.
struct Framing {
  Size size;
  FrameFit fit = FrameFit::kCrop;
  Filter filter = Filter::kBilinear;
};

/// What happens to one sample. A pure function of (seed, position).
struct Augmentation {
  bool flip = false;           ///< mirrored left to right
  double brightness = 1.0;     ///< factor on every channel, in steps of 1 / 65536; rounded and clamped to 0..255
  std::optional<double> crop;  ///< where a crop lies, from 0 to below 1 along the edge that is cut; nothing: the centre
};

/// What is drawn at random.
struct Augmenting {
  bool flip = false;
  double brightness = 0;
  bool crop = false;
};

/// Draws from Purpose::kFlip, kBrightness and kCrop: mirrored with probability 1/2, brightness uniform in
/// [1 - brightness, 1 + brightness), every crop equally likely. The three are independent of each other.
Augmentation draw_augmentation(uint64_t seed, uint64_t position, const Augmenting& wanted);

/// `image` as a square. Same arithmetic as decode_framed(), but for pictures that are already there.
Image fit_square(const Image& image, int side, FrameFit fit, Filter filter = Filter::kBilinear);

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
