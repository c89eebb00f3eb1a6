#include "models/winograd_tiles.h"

#include <algorithm>

namespace atelier {
namespace {

constexpr int kTaps = 9;

/// B' of a line of 6.
struct InputLine {
  static constexpr int kIn = 6, kOut = 6;
  ATELIER_INLINE static void apply(const Lanes (&d)[6], Lanes (&v)[6]) {
    const Lanes even4 = d[4] - 4 * d[2], odd4 = d[3] - 4 * d[1];
    const Lanes even1 = d[4] - d[2], odd1 = 2 * (d[3] - d[1]);
    v[0] = 4 * d[0] - 5 * d[2] + d[4];
    v[1] = even4 + odd4;
    v[2] = even4 - odd4;
    v[3] = even1 + odd1;
    v[4] = even1 - odd1;
    v[5] = 4 * d[1] - 5 * d[3] + d[5];
  }
};

/// A of a line of 4.
struct GradientLine {
  static constexpr int kIn = 4, kOut = 6;
  ATELIER_INLINE static void apply(const Lanes (&y)[4], Lanes (&m)[6]) {
    const Lanes even1 = y[0] + y[2], odd1 = y[1] + y[3];
    const Lanes even4 = y[0] + 4 * y[2], odd4 = 2 * y[1] + 8 * y[3];
    m[0] = y[0];
    m[1] = even1 + odd1;
    m[2] = even1 - odd1;
    m[3] = even4 + odd4;
    m[4] = even4 - odd4;
    m[5] = y[3];
  }
};

/// A' of a line of 6.
struct ResultLine {
  static constexpr int kIn = 6, kOut = 4;
  ATELIER_INLINE static void apply(const Lanes (&m)[6], Lanes (&y)[4]) {
    const Lanes sum1 = m[1] + m[2], difference1 = m[1] - m[2];
    const Lanes sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = m[0] + sum1 + sum2;
    y[1] = difference1 + 2 * difference2;
    y[2] = sum1 + 4 * sum2;
    y[3] = difference1 + 8 * difference2 + m[5];
  }
};

/// G of a line of 3.
struct WeightLine {
  static constexpr int kIn = 3, kOut = 6;
  ATELIER_INLINE static void apply(const Lanes (&w)[3], Lanes (&u)[6]) {
    const Lanes even1 = (w[0] + w[2]) / -6, even2 = (w[0] + 4 * w[2]) / 24;
    const Lanes odd1 = w[1] / -6, odd2 = w[1] / 12;
    u[0] = w[0] / 4;
    u[1] = even1 + odd1;
    u[2] = even1 - odd1;
    u[3] = even2 + odd2;
    u[4] = even2 - odd2;
    u[5] = w[2];
  }
};

/// G' of a line of 6.
struct WeightGradientLine {
  static constexpr int kIn = 6, kOut = 3;
  ATELIER_INLINE static void apply(const Lanes (&u)[6], Lanes (&w)[3]) {
    const Lanes sum1 = (u[1] + u[2]) / -6, sum2 = u[3] + u[4];
    w[0] = u[0] / 4 + sum1 + sum2 / 24;
    w[1] = (u[2] - u[1]) / 6 + (u[3] - u[4]) / 12;
    w[2] = sum1 + sum2 / 6 + u[5];
  }
};

/// Line of each column, then of each row.
template <class Line>
ATELIER_INLINE void transform(const Lanes (&in)[Line::kIn][Line::kIn], Lanes (&out)[Line::kOut][Line::kOut]) {
  Lanes half[Line::kOut][Line::kIn];
  for (int column = 0; column < Line::kIn; ++column) {
    Lanes from[Line::kIn], to[Line::kOut];
    for (int row = 0; row < Line::kIn; ++row) from[row] = in[row][column];
    Line::apply(from, to);
    for (int row = 0; row < Line::kOut; ++row) half[row][column] = to[row];
  }
  for (int row = 0; row < Line::kOut; ++row) Line::apply(half[row], out[row]);
}

/// Where a tile is.
struct Place {
  int64_t picture, row, column;  // of its first pixel
};

ATELIER_INLINE Place place_of(const Pictures& shape, int64_t tile) {
  const int64_t columns = shape.tile_columns(), rows = shape.tile_rows();
  return {tile / columns / rows, tile / columns % rows * kWinogradSide, tile % columns * kWinogradSide};
}

/// The 36 planes of each tile and channel, of which Line sees `kBorder` pixels around the tile, too.
template <class Line, int kBorder>
ATELIER_INLINE void to_planes(const float* pictures, const Pictures& shape, TileRange range, float* planes) {
  constexpr int kIn = Line::kIn, kOut = Line::kOut;
  for (int64_t tile = range.begin; tile < range.end; ++tile) {
    const Place place = place_of(shape, tile);
    const int64_t top = place.row - kBorder, left = place.column - kBorder;
    const int64_t first_row = std::max<int64_t>(0, -top), rows = std::min<int64_t>(kIn, shape.height - top);
    const int64_t first_column = std::max<int64_t>(0, -left), columns = std::min<int64_t>(kIn, shape.width - left);
    const float* corner = pictures + ((place.picture * shape.height + top) * shape.width + left) * shape.channels;
    float* out = planes + (tile - range.begin) * shape.padded();
    for (int64_t channel = 0; channel < shape.channels; channel += kLanes) {
      Lanes seen[kIn][kIn] = {}, transformed[kOut][kOut];
      for (int64_t row = first_row; row < rows; ++row)
        for (int64_t column = first_column; column < columns; ++column)
          load(seen[row][column], corner + (row * shape.width + column) * shape.channels + channel,
               shape.channels - channel);
      transform<Line>(seen, transformed);
      for (int64_t plane = 0; plane < kWinogradPlanes; ++plane)
        store(transformed[plane / 6][plane % 6], out + plane * range.stride * shape.padded() + channel);
    }
  }
}

}  // namespace

ATELIER_VECTOR_CLONES
void planes_of_weights(const float* weights, Weights shape, int64_t first, int64_t last, bool turned, float* planes) {
  const int64_t inputs = round_up_to_lanes(shape.inputs), plane_size = round_up_to_lanes(shape.outputs) * inputs;
  for (int64_t output = first; output < last; ++output)
    for (int64_t input = 0; input < inputs; input += kLanes) {
      Lanes taps[3][3] = {}, transformed[6][6];
      const int64_t lanes = output < shape.outputs ? std::min(kLanes, shape.inputs - input) : 0;
      const float* from = weights + (output * shape.inputs + input) * kTaps;
      for (int64_t lane = 0; lane < lanes; ++lane)
        for (int tap = 0; tap < kTaps; ++tap)
          taps[tap / 3][tap % 3][lane] = from[lane * kTaps + (turned ? kTaps - 1 - tap : tap)];
      transform<WeightLine>(taps, transformed);
      for (int64_t plane = 0; plane < kWinogradPlanes; ++plane)
        store(transformed[plane / 6][plane % 6], planes + plane * plane_size + output * inputs + input);
    }
}

ATELIER_VECTOR_CLONES
void weights_of_planes(const float* planes, Weights shape, int64_t first, int64_t last, float* weights) {
  const int64_t inputs = round_up_to_lanes(shape.inputs), plane_size = round_up_to_lanes(shape.outputs) * inputs;
  for (int64_t output = first; output < last; ++output)
    for (int64_t input = 0; input < shape.inputs; input += kLanes) {
      Lanes transformed[6][6], taps[3][3];
      for (int64_t plane = 0; plane < kWinogradPlanes; ++plane)
        load(transformed[plane / 6][plane % 6], planes + plane * plane_size + output * inputs + input);
      transform<WeightGradientLine>(transformed, taps);
      float* to = weights + (output * shape.inputs + input) * kTaps;
      for (int64_t lane = 0; lane < std::min(kLanes, shape.inputs - input); ++lane)
        for (int tap = 0; tap < kTaps; ++tap) to[lane * kTaps + tap] = taps[tap / 3][tap % 3][lane];
    }
}

ATELIER_VECTOR_CLONES
void tiles_of_input(const float* pictures, const Pictures& shape, TileRange range, float* planes) {
  to_planes<InputLine, 1>(pictures, shape, range, planes);
}

ATELIER_VECTOR_CLONES
void tiles_of_gradient(const float* pictures, const Pictures& shape, TileRange range, float* planes) {
  to_planes<GradientLine, 0>(pictures, shape, range, planes);
}

ATELIER_VECTOR_CLONES
void pictures_of_tiles(const float* planes, const float* bias, const Pictures& shape, TileRange range,
                       float* pictures) {
  for (int64_t tile = range.begin; tile < range.end; ++tile) {
    const Place place = place_of(shape, tile);
    const int64_t rows = std::min(kWinogradSide, shape.height - place.row);
    const int64_t columns = std::min(kWinogradSide, shape.width - place.column);
    float* corner =
        pictures + ((place.picture * shape.height + place.row) * shape.width + place.column) * shape.channels;
    const float* in = planes + (tile - range.begin) * shape.padded();
    for (int64_t channel = 0; channel < shape.channels; channel += kLanes) {
      Lanes products[6][6], result[4][4], offset;
      for (int64_t plane = 0; plane < kWinogradPlanes; ++plane)
        load(products[plane / 6][plane % 6], in + plane * range.stride * shape.padded() + channel);
      transform<ResultLine>(products, result);
      load(offset, bias + channel, shape.channels - channel);
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          store(result[row][column] + offset, corner + (row * shape.width + column) * shape.channels + channel,
                shape.channels - channel);
    }
  }
}

}  // namespace atelier
