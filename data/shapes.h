#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/manifest.h"
#include "images/transform.h"

/// Which shapes the pictures of a run are fitted to (data.shapes). With buckets there are five, from tall to wide, as
/// wide as 1/2, 1/sqrt(2), 1, sqrt(2) and 2 of their height: equal steps of the logarithm, so that a picture and the
/// same one lying on its side are cut alike. docs/streaming.md tells the whole.
namespace atelier {

inline constexpr size_t kShapes = 5;
inline constexpr size_t kSquareShape = 2;

/// A shape with fewer rows than this gives them to the next one towards the square: its batches would show the same few
/// pictures many times over.
inline constexpr uint64_t kFewestRowsOfShape = 32;

/// The frame of each shape: about as many pixels as the square of `side` has, which is one of them; the edges of the
/// others are multiples of `step`. Throws std::invalid_argument, one sentence, for a step of more than a quarter of the
/// side: then most shapes would be the same, or none like its pictures.
std::vector<Size> frames_of_shapes(int side, int step);

/// The shape that is nearest by the logarithm of width / height; the square for a size that is not known (0).
size_t nearest_shape(double width, double height);

/// The shape of each row by the list's fields `width` and `height`; the square of a row without both. Reads all rows,
/// on all cores. Throws std::invalid_argument, one sentence, when no row has them.
std::vector<uint8_t> shapes_of_rows(const Manifest& manifest);

/// Which shape takes each shape's rows, when shape i has rows[i]: itself, or one nearer to the square.
std::vector<size_t> merge_small_shapes(std::vector<uint64_t> rows);

}  // namespace atelier
