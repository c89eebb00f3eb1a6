#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "data/manifest.h"
#include "images/transform.h"

/// Which shapes the pictures of a run are fitted to (data.shapes). With buckets there are five, from tall to wide, as
/// wide as 1/2, 1/sqrt(2), 1, sqrt(2) and 2 of their height: equal steps of the logarithm, so that a picture and the
/// same one lying on its side are cut alike. docs/streaming.md tells the whole.
namespace atelier {

inline constexpr size_t kShapes = 5;
inline constexpr size_t kSquareShape = 2;

/// A list, a label or a whole run with fewer rows of a shape than this fits them to another one: its batches would show
/// the same few pictures many times over, and where none of them can be had, nothing would be left to draw from.
inline constexpr uint64_t kFewestRowsOfShape = 32;

/// The frame of each shape: about as many pixels as the square of `side` has, which is one of them; the edges of the
/// others are multiples of `step`. Throws std::invalid_argument, one sentence, for a step of more than a quarter of the
/// side: then most shapes would be the same, or none like its pictures.
std::vector<Size> frames_of_shapes(int side, int step);

/// The shape that is nearest by the logarithm of width / height; the square for a size that is not known (0).
size_t nearest_shape(double width, double height);

/// The shape of each row by the list's fields `width` and `height`; the square of a row without both. Reads all rows,
/// on all cores. Throws std::invalid_argument, one sentence, when no row has them.
///   progress  as Manifest::read_fields takes it
std::vector<uint8_t> shapes_of_rows(const Manifest& manifest, const std::function<void(double share)>& progress = {});

/// Which shape takes each shape's rows, when shape i has rows[i]: itself if these are `fewest` or more, else the next
/// one towards the square. A square of fewer than kFewestRowsOfShape gives what it has to the nearest shape that is
/// left, if there is one.
std::vector<size_t> merge_small_shapes(std::vector<uint64_t> rows, uint64_t fewest);

}  // namespace atelier
