#include "inference/preprocess.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <span>
#include <stdexcept>
#include <variant>

#include "base/files.h"
#include "images/decode.h"
#include "images/transform.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// Mean brightness of lines and of paper must lie this far apart, of 255.
constexpr double kLeastContrast = 32;

struct Picture {
  Image image;
  std::string sha256;
};

std::string content_of(const std::string& file, uint64_t max_bytes) try {
  return read_file(file, max_bytes);
} catch (const std::runtime_error& error) {
  throw std::invalid_argument(fmt::format("The picture cannot be read: {}.", error.what()));
}

Picture read_picture(const std::string& file, uint64_t max_bytes) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) throw std::invalid_argument(fmt::format("There is no file {}.", file));
  const uintmax_t size = fs::file_size(file, error);
  if (error || size > max_bytes)
    throw std::invalid_argument(
        fmt::format("{} has {} bytes; at most {} are read (MAX_IMAGE_SIZE).", file, size, max_bytes));
  const std::string content = content_of(file, max_bytes);
  const auto bytes = std::as_bytes(std::span(content));
  auto decoded = decode(bytes);
  if (const auto* failure = std::get_if<DecodeFailure>(&decoded))
    throw std::invalid_argument(fmt::format("{} cannot be used as a picture: {}.", file, failure->detail));
  return {std::get<Image>(std::move(decoded)), sha256_hex(bytes)};
}

using Histogram = std::array<double, 256>;

uint8_t luminance(const uint8_t* rgb) {
  // ITU-R BT.601, in 1/256.
  return static_cast<uint8_t>((77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2] + 128) >> 8);
}

/// Two classes of brightness: up to `threshold`, and above.
struct Split {
  int threshold = 0;
  double dark_share = 0;  ///< of all pixels
  double dark_mean = 0, bright_mean = 0;
};

/// The split with the largest variance between its classes. Otsu 1979, equation 12.
Split split_by_brightness(const Histogram& share) {
  double total_mean = 0;
  for (size_t level = 0; level < share.size(); ++level) total_mean += static_cast<double>(level) * share[level];
  Split best;
  double best_variance = -1, weight = 0, sum = 0;
  for (size_t level = 0; level < share.size(); ++level) {
    weight += share[level];
    sum += static_cast<double>(level) * share[level];
    if (weight <= 0 || weight >= 1) continue;
    const double dark = sum / weight, bright = (total_mean - sum) / (1 - weight);
    const double variance = weight * (1 - weight) * (bright - dark) * (bright - dark);
    if (variance > best_variance) {
      best_variance = variance;
      best = {static_cast<int>(level), weight, dark, bright};
    }
  }
  return best;
}

/// Where the lines are, in the drawing's own size.
Outline full_lines(const std::vector<uint8_t>& brightness, int width, int height, const Split& split) {
  const bool dark_lines = split.dark_share <= 0.5;
  Outline lines(width, height);
  for (size_t i = 0; i < brightness.size(); ++i)
    if ((brightness[i] <= split.threshold) == dark_lines) lines.pixels[i] = 255;
  return lines;
}

/// The pixels [first, last) of a row or column of `pixels` that lie under cell `index` of `cells`, which cover `square`
/// pixels with the row in their middle. One pixel at least, unless there is paper only.
std::pair<int, int> pixels_under(int index, int cells, int pixels, int square) {
  const auto edge = [&](int i) { return static_cast<int>(static_cast<int64_t>(i) * square / cells); };
  const int margin = (square - pixels) / 2, first = edge(index) - margin;
  const int last = std::max(edge(index + 1) - margin, first + 1);
  return {std::clamp(first, 0, pixels), std::clamp(last, 0, pixels)};
}

/// The square around the lines in side x side cells; a cell is on a line when any pixel under it is.
Outline shrink_lines(const Outline& lines, int side) {
  Outline small(side, side);
  const int square = std::max(lines.width, lines.height);
  for (int y = 0; y < side; ++y) {
    const auto [top, bottom] = pixels_under(y, side, lines.height, square);
    for (int x = 0; x < side; ++x) {
      const auto [left, right] = pixels_under(x, side, lines.width, square);
      for (int row = top; row < bottom; ++row) {
        const uint8_t* line = lines.pixels.data() + static_cast<size_t>(row) * static_cast<size_t>(lines.width);
        if (std::find(line + left, line + right, 255) != line + right)
          small.pixels[static_cast<size_t>(y) * static_cast<size_t>(side) + static_cast<size_t>(x)] = 255;
      }
    }
  }
  return small;
}

Outline read_lines(const DesignRequest& request, const Image& picture, int side) {
  if (request.condition_from == ConditionFrom::kOutline) return outline(fit_square(picture, side, FrameFit::kPad));
  auto lines = sketch_lines(picture, side);
  if (!lines)
    throw std::invalid_argument(
        fmt::format("{} shows no lines: a sketch is dark on light or light on dark.", request.condition_file));
  return *std::move(lines);
}

}  // namespace

std::optional<Outline> sketch_lines(const Image& drawing, int side) {
  const size_t pixels = drawing.rgb.size() / 3;
  if (pixels == 0) return std::nullopt;
  std::vector<uint8_t> brightness(pixels);
  Histogram share{};
  for (size_t i = 0; i < pixels; ++i) {
    brightness[i] = luminance(&drawing.rgb[3 * i]);
    share[brightness[i]] += 1.0 / static_cast<double>(pixels);
  }
  const Split split = split_by_brightness(share);
  if (split.bright_mean - split.dark_mean < kLeastContrast) return std::nullopt;
  return shrink_lines(full_lines(brightness, drawing.width, drawing.height, split), side);
}

Material read_material(const DesignRequest& request, const ModelSpec& spec, uint64_t max_bytes) {
  Material material;
  if (!request.start_file.empty()) {
    Picture picture = read_picture(request.start_file, max_bytes);
    material.start = fit_square(picture.image, spec.image_size, FrameFit::kPad);
    material.image_sha256 = std::move(picture.sha256);
    material.shown.push_back(*material.start);
  }
  if (request.condition_from == ConditionFrom::kNothing) return material;

  Picture picture = read_picture(request.condition_file, max_bytes);
  (request.condition_from == ConditionFrom::kOutline ? material.image_sha256 : material.condition_sha256) =
      picture.sha256;
  if (request.condition_from == ConditionFrom::kPicture) {
    const Image square = fit_square(picture.image, spec.image_size, FrameFit::kPad);
    material.condition.resize(square.rgb.size());
    to_planes(square, material.condition);
    material.shown.push_back(square);
  } else {
    Outline lines = read_lines(request, picture.image, spec.image_size);
    material.shown.push_back(to_image(lines));
    if (request.condition_from == ConditionFrom::kOutline && !material.start)
      material.shown.push_back(fit_square(picture.image, spec.image_size, FrameFit::kPad));
    material.condition = std::move(lines.pixels);
  }
  return material;
}

}  // namespace atelier
