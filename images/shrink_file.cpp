#include "images/shrink_file.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "images/encode.h"
#include "images/opencv.h"

namespace atelier {

std::variant<std::optional<std::vector<std::byte>>, DecodeFailure> shrink_file(std::span<const std::byte> bytes,
                                                                               int side, int quality) {
  auto decoded = decode(bytes, side);
  if (auto* failure = std::get_if<DecodeFailure>(&decoded)) return std::move(*failure);
  const Image& image = std::get<Image>(decoded);
  const int shorter = std::min(image.width, image.height);
  if (shorter < side) return std::nullopt;
  if (shorter == side) {  // perhaps by decoding at 1/2, 1/4 or 1/8
    std::vector<std::byte> same = encode_jpeg(image, quality);
    if (same.size() < bytes.size()) return same;
    return std::nullopt;
  }
  const double scale = static_cast<double>(side) / shorter;
  Image small(static_cast<int>(std::lround(image.width * scale)), static_cast<int>(std::lround(image.height * scale)));
  cv::Mat target = as_mat(small);
  cv::resize(as_mat(image), target, target.size(), 0, 0, cv::INTER_AREA);
  return encode_jpeg(small, quality);
}

}  // namespace atelier
