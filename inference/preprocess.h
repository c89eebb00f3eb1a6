#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "images/image.h"
#include "inference/request.h"

/// From a designer's files to what the network sees.
namespace atelier {

/// The files of a request, read, at the model's size. A picture that is not square is padded with white.
struct Material {
  std::optional<Image> start;      ///< the design to start from
  std::vector<uint8_t> condition;  ///< planes [C, side, side]; empty: none
  std::vector<Image> shown;        ///< what was given, as the model sees it: the first cells of a contact sheet
  std::string image_sha256;        ///< of the file given as --image, or empty
  std::string condition_sha256;    ///< of the file given as --condition, or empty
};

/// Reads the files that `request` names; each at most `max_bytes`, and safe whatever is in it. Throws
/// std::invalid_argument with one sentence that names the file.
Material read_material(const DesignRequest& request, const ModelSpec& spec, uint64_t max_bytes);

/// The lines of a drawing on a square of `side`, white on black as outline() gives them.
///
/// Pixels are split into two classes of brightness (Otsu 1979); the rarer class is the lines, so dark ink on paper and
/// white lines on black are the same drawing. A square of the result is on a line when any pixel under it is, so thin
/// lines survive shrinking. Nothing: the drawing shows no lines (next to no contrast).
std::optional<Outline> sketch_lines(const Image& drawing, int side);

}  // namespace atelier
