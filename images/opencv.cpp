#include "images/opencv.h"

namespace atelier {
namespace {

/// OpenCV works on the calling thread alone: pictures are many, and whoever has several threads gives each its own.
[[maybe_unused]] const bool kSingleThreaded = [] {
  cv::setNumThreads(0);
  return true;
}();

}  // namespace

cv::Mat as_mat(Image& image) { return {image.height, image.width, CV_8UC3, image.rgb.data()}; }

cv::Mat as_mat(const Image& image) {
  return {image.height, image.width, CV_8UC3, const_cast<uint8_t*>(image.rgb.data())};
}

cv::Mat as_mat(Outline& lines) { return {lines.height, lines.width, CV_8UC1, lines.pixels.data()}; }

}  // namespace atelier
