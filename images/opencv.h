#pragma once

#include <opencv2/core.hpp>

#include "images/image.h"

/// Views of our pictures for OpenCV; no copies. Not for callers outside images/.
namespace atelier {

cv::Mat as_mat(Image& image);

/// For reading only: cv::Mat knows no const.
cv::Mat as_mat(const Image& image);

/// One channel.
cv::Mat as_mat(Outline& lines);

}  // namespace atelier
