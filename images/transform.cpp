#include "images/transform.h"

#include <cstddef>
#include <stdexcept>

#include "base/random.h"
#include "images/resize.h"

namespace atelier {

Image fit_square(const Image& image, int side, FrameFit fit, Filter filter) {
  if (image.width < 1 || image.height < 1 || side < 1)
    throw std::invalid_argument("fit_square needs at least one pixel");
  std::vector<uint8_t> planes(3 * static_cast<size_t>(side) * static_cast<size_t>(side));
  resize(image, place(image.width, image.height, 1, {{side, side}, fit, filter}, {}), planes);
  return from_planes(planes, side, side);
}

Augmentation draw_augmentation(uint64_t seed, uint64_t position, const Augmenting& wanted) {
  Augmentation augmentation;
  augmentation.flip = wanted.flip && random_uniform(seed, position, Purpose::kFlip) < 0.5;
  augmentation.brightness = 1 + wanted.brightness * (2 * random_uniform(seed, position, Purpose::kBrightness) - 1);
  if (wanted.crop) augmentation.crop = random_uniform(seed, position, Purpose::kCrop);
  return augmentation;
}

void to_planes(const Image& image, std::span<uint8_t> out) {
  const size_t count = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  if (out.size() != 3 * count) throw std::invalid_argument("to_planes needs 3 * height * width bytes");
  uint8_t *red = out.data(), *green = red + count, *blue = green + count;
  for (size_t i = 0; i < count; ++i) {
    red[i] = image.rgb[3 * i];
    green[i] = image.rgb[3 * i + 1];
    blue[i] = image.rgb[3 * i + 2];
  }
}

Image from_planes(std::span<const uint8_t> planes, int width, int height) {
  Image image(width, height);
  const size_t count = image.rgb.size() / 3;
  if (planes.size() != 3 * count) throw std::invalid_argument("from_planes needs 3 * height * width bytes");
  for (size_t i = 0; i < count; ++i) {
    for (size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = planes[c * count + i];
  }
  return image;
}

}  // namespace atelier
