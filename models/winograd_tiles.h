#pragma once

#include <cstdint>

#include "models/lanes.h"

/// The tiles of Winograd's convolution F(4x4, 3x3): Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural
/// Networks", section 4.3; its matrices B, G and A. Part of winograd.h, which says what they are for.
///
/// A picture is float32 in memory order [N, H, W, channels] (`channels_last`). It is cut into tiles of 4x4, row by row,
/// picture by picture; the last of a row or column may stick out. A tile's 36 numbers for each channel stand in planes:
/// [36, tiles, padded channels], a multiple of kLanes of them. All functions work on a range, on the calling thread,
/// and write nothing outside of it: threads may share a picture.
namespace atelier {

constexpr int64_t kWinogradSide = 4;     ///< of a tile of the result
constexpr int64_t kWinogradPlanes = 36;  ///< of (4 + 3 - 1) x (4 + 3 - 1)

struct Pictures {
  int64_t count, height, width, channels;

  int64_t padded() const { return round_up_to_lanes(channels); }
  int64_t tile_rows() const { return (height + kWinogradSide - 1) / kWinogradSide; }
  int64_t tile_columns() const { return (width + kWinogradSide - 1) / kWinogradSide; }
  int64_t tiles() const { return count * tile_rows() * tile_columns(); }
};

/// Some tiles of a picture, and where their numbers go: tile t of plane p at planes + (p * stride + t) * padded
/// channels.
struct TileRange {
  int64_t begin, end;
  int64_t stride;  ///< tiles in a plane
};

/// Weights [outputs, inputs, 3, 3]. Their planes are [36, padded outputs, padded inputs].
struct Weights {
  int64_t outputs, inputs;
};

/// G w G' of the outputs `first` to `last` (up to the padded ones, which are zeros). `turned`: of each 3x3 seen from
/// its other end, as the gradient at the input needs them.
void planes_of_weights(const float* weights, Weights shape, int64_t first, int64_t last, bool turned, float* planes);

/// G' u G: the gradient of the weights from that of their planes, of the outputs `first` to `last`.
void weights_of_planes(const float* planes, Weights shape, int64_t first, int64_t last, float* weights);

/// B' d B of what a result's tile sees, 6x6 with a border of one; zeros outside of the picture.
void tiles_of_input(const float* pictures, const Pictures& shape, TileRange range, float* planes);

/// A y A' of a tile of 4x4: what a gradient at the result is for the planes. Zeros outside of the picture.
void tiles_of_gradient(const float* pictures, const Pictures& shape, TileRange range, float* planes);

/// A' m A + bias: a tile of the result, what sticks out left away. `bias` is [channels].
void pictures_of_tiles(const float* planes, const float* bias, const Pictures& shape, TileRange range, float* pictures);

}  // namespace atelier
