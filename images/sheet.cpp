#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "images/encode.h"
#include "images/opencv.h"
#include "images/transform.h"

// Pictures for people to look at.
namespace atelier {

Image to_image(const Outline& lines) {
  Image image(lines.width, lines.height);
  for (size_t i = 0; i < lines.pixels.size(); ++i)
    std::fill_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(3 * i), 3, lines.pixels[i]);
  return image;
}

Image contact_sheet(std::span<const Image> cells, int columns, int gap) {
  if (cells.empty() || columns < 1 || gap < 0) throw std::invalid_argument("a contact sheet needs a cell and a column");
  const int width = cells.front().width, height = cells.front().height;
  const int rows = (static_cast<int>(cells.size()) + columns - 1) / columns;
  Image sheet(columns * (width + gap) - gap, rows * (height + gap) - gap);
  cv::Mat target = as_mat(sheet);
  int index = 0;
  for (const Image& cell : cells) {
    if (cell.width != width || cell.height != height)
      throw std::invalid_argument("cells of a contact sheet differ in size");
    const cv::Rect place(index % columns * (width + gap), index / columns * (height + gap), width, height);
    as_mat(cell).copyTo(target(place));
    ++index;
  }
  return sheet;
}

Image enlarge(const Image& image, int factor) {
  if (factor < 1) throw std::invalid_argument("enlarge needs a factor of at least 1");
  Image result(image.width * factor, image.height * factor);
  cv::Mat target = as_mat(result);
  cv::resize(as_mat(image), target, target.size(), 0, 0, cv::INTER_NEAREST);
  return result;
}

void draw_text(Image& image, const std::string& text, int x, int y, int height) {
  constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
  const int stroke = std::max(1, height / 12);
  const double scale = cv::getFontScaleFromHeight(kFont, height, stroke);
  cv::Mat target = as_mat(image);
  cv::putText(target, text, {x, y + height}, kFont, scale, {0, 0, 0}, stroke, cv::LINE_AA);
}

}  // namespace atelier
