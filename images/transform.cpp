#include "images/transform.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "base/random.h"
#include "images/opencv.h"
#include "images/shrink.h"

namespace atelier {
namespace {

void resize(const cv::Mat& from, cv::Mat to) {
  if (to.cols <= from.cols && to.rows <= from.rows) {
    shrink(from, to);
  } else {
    cv::resize(from, to, to.size(), 0, 0, cv::INTER_LINEAR);
  }
}

}  // namespace

Image fit_square(const Image& image, int side, SquareFit fit) {
  if (image.width < 1 || image.height < 1 || side < 1)
    throw std::invalid_argument("fit_square needs at least one pixel");
  const cv::Mat from = as_mat(image);
  Image result(side, side);
  cv::Mat to = as_mat(result);
  if (fit == SquareFit::kCrop) {
    // Cut before scaling: what is thrown away need not be resampled.
    const int edge = std::min(image.width, image.height);
    resize(from(cv::Rect((image.width - edge) / 2, (image.height - edge) / 2, edge, edge)), to);
  } else {
    const double scale = static_cast<double>(side) / std::max(image.width, image.height);
    const int width = std::max(1, static_cast<int>(std::lround(image.width * scale)));
    const int height = std::max(1, static_cast<int>(std::lround(image.height * scale)));
    resize(from, to(cv::Rect((side - width) / 2, (side - height) / 2, width, height)));
  }
  return result;
}

Augmentation draw_augmentation(uint64_t seed, uint64_t position, bool flip, double brightness) {
  Augmentation augmentation;
  augmentation.flip = flip && random_uniform(seed, position, Purpose::kFlip) < 0.5;
  augmentation.brightness = 1 + brightness * (2 * random_uniform(seed, position, Purpose::kBrightness) - 1);
  return augmentation;
}

void augment(Image& image, const Augmentation& augmentation) {
  if (augmentation.flip) {
    cv::Mat pixels = as_mat(image);
    cv::flip(pixels, pixels, 1);
  }
  if (augmentation.brightness != 1.0) {
    std::array<uint8_t, 256> table;
    for (size_t value = 0; value < table.size(); ++value) {
      const double scaled = std::round(static_cast<double>(value) * augmentation.brightness);
      table[value] = static_cast<uint8_t>(std::clamp(scaled, 0.0, 255.0));
    }
    for (uint8_t& value : image.rgb) value = table[value];
  }
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
