#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace atelier {

/// How the names of the files that decode() reads end, in lower case.
inline constexpr std::array<std::string_view, 9> kImageEndings = {"jpg", "jpeg", "png",  "webp", "avif",
                                                                  "jxl", "tif",  "tiff", "bmp"};

/// Whether `ending`, in lower case and without its dot, is one of them.
inline bool is_image_ending(std::string_view ending) {
  return std::find(kImageEndings.begin(), kImageEndings.end(), ending) != kImageEndings.end();
}

/// ".jpg, .jpeg, ...", for sentences.
inline std::string image_endings() {
  std::string text;
  for (const std::string_view ending : kImageEndings) text.append(text.empty() ? "." : ", .").append(ending);
  return text;
}

}  // namespace atelier
