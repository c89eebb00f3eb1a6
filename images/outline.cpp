#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "images/opencv.h"
#include "images/transform.h"

namespace atelier {
namespace {

/// How much ink a draughtsman would lay down for a value: the square root of its distance from white. It puts white
/// furniture on white paper, five levels apart, on a par with fifty levels in mid-grey, and quiets the grain of dark
/// wood. kPaper keeps the faint noise of a white background from growing as much.
std::array<uint8_t, 256> ink_table() {
  constexpr double kPaper = 2;
  const double paper = std::sqrt(kPaper), scale = 255 / (std::sqrt(255 + kPaper) - paper);
  std::array<uint8_t, 256> table;
  for (size_t value = 0; value < table.size(); ++value) {
    const double darkness = 255 - static_cast<double>(value);
    table[value] = static_cast<uint8_t>(std::lround(scale * (std::sqrt(darkness + kPaper) - paper)));
  }
  return table;
}

}  // namespace

Outline outline(const Image& image) {
  static const std::array<uint8_t, 256> kInk = ink_table();
  // Of the gradient (Sobel 3x3, L2). Chosen by eye on furniture icons: white ones keep silhouette and doors, wood is
  // bare.
  constexpr double kStart = 64, kContinue = 26;

  Outline lines(image.width, image.height);
  cv::Mat ink, target = as_mat(lines);
  cv::LUT(as_mat(image), cv::Mat(1, 256, CV_8UC1, const_cast<uint8_t*>(kInk.data())), ink);
  cv::GaussianBlur(ink, ink, {3, 3}, 0.6, 0.6, cv::BORDER_REPLICATE);  // integer arithmetic, like all of this
  cv::Canny(ink, target, kContinue, kStart, 3, true);
  return lines;
}

}  // namespace atelier
