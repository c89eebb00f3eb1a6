#include "images/resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "images/kernels.h"

namespace atelier {
namespace {

constexpr size_t kChannels = 3;

int round_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

/// Where the window of a crop begins, of `spare` + 1 places.
int crop_offset(int spare, const Augmentation& augmentation) {
  return augmentation.crop ? static_cast<int>(*augmentation.crop * (spare + 1)) : spare / 2;
}

/// How much of an edge of `length` a frame shows that is `part` to `whole`, while it shows all of the `other` edge: to
/// the nearest pixel, in integers, so the same on every machine.
int shown(int length, int other, int part, int whole) {
  const int64_t wanted = (int64_t{2} * other * part + whole) / (int64_t{2} * whole);
  return static_cast<int>(std::clamp<int64_t>(wanted, 1, length));
}

uint8_t white(uint32_t factor) { return static_cast<uint8_t>(std::min((255 * factor + 32768) >> 16, 255u)); }

}  // namespace

Placement place(int width, int height, int orientation, const Framing& framing, const Augmentation& augmentation) {
  // The eight orientations (EXIF 2.32, tag 0x0112) are an optional exchange of rows and columns, then an optional
  // mirror each way. Mirrors are moved before the exchange here, to the stored picture.
  const Size frame = as_stored(framing.size, orientation);
  Placement result{.frame = frame, .columns = width, .rows = height, .width = frame.width, .height = frame.height};
  result.transposed = is_transposed(orientation);
  result.filter = framing.filter;
  result.factor = static_cast<uint32_t>(std::lround(augmentation.brightness * 65536));
  result.mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  result.mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;

  if (framing.fit == FrameFit::kCrop) {
    result.columns = shown(width, height, frame.width, frame.height);
    result.rows = shown(height, width, frame.height, frame.width);
    const int spare_x = width - result.columns, spare_y = height - result.rows;  // one of them is 0
    const int left = crop_offset(spare_x, augmentation), top = crop_offset(spare_y, augmentation);
    result.left = result.mirror_x ? spare_x - left : left;
    result.top = result.mirror_y ? spare_y - top : top;
  } else if (framing.fit == FrameFit::kPad) {
    const double scale = std::min(static_cast<double>(frame.width) / width, static_cast<double>(frame.height) / height);
    result.width = std::max(1, static_cast<int>(std::lround(width * scale)));
    result.height = std::max(1, static_cast<int>(std::lround(height * scale)));
    result.x = (frame.width - result.width) / 2;
    result.y = (frame.height - result.height) / 2;
  }
  if (augmentation.flip && result.transposed) {
    result.mirror_y = !result.mirror_y;
    result.y = frame.height - result.height - result.y;
  } else if (augmentation.flip) {
    result.mirror_x = !result.mirror_x;
    result.x = frame.width - result.width - result.x;
  }
  return result;
}

Resizer::Resizer(const Placement& placement, std::span<const Layer> layers, std::span<uint8_t> planes)
    : placement_(placement), planes_(planes) {
  if (Size{placement.width, placement.height} != placement.frame) std::ranges::fill(planes, white(placement.factor));
  for (size_t i = 0; i < layers.size(); ++i)
    parts_.push_back(i > 0 && layers[i] == layers[i - 1] ? parts_.back() : part_of(layers[i], placement));
  size_t most = 0;
  for (const Part& part : parts_) most = std::max(most, part.strip.size());
  columns_.resize(most);
  const auto width = static_cast<size_t>(round_up(placement.width, 8));
  narrow_.resize(kStrip * width);
  strip_.resize(kChannels * kStrip * width);
}

Resizer::Part Resizer::part_of(const Layer& layer, const Placement& placement) {
  const double x = layer.coarse_x, y = layer.coarse_y;
  Part part;
  part.channels = layer.channels;
  part.horizontal = make_taps(layer.width, {placement.left / x, (placement.left + placement.columns) / x},
                              placement.width, placement.filter);
  part.vertical = make_taps(layer.height, {placement.top / y, (placement.top + placement.rows) / y}, placement.height,
                            placement.filter);
  part.first = part.horizontal.first.front();
  part.samples = (part.horizontal.end(placement.width - 1) - part.first) * layer.channels;
  for (int& first : part.horizontal.first) first -= part.first;
  if (placement.mirror_x) mirror(part.horizontal);
  part.stride = static_cast<size_t>(round_up(part.samples, 8));
  part.strip.resize(kStrip * part.stride);
  part.sources.resize(static_cast<size_t>(part.vertical.count));
  return part;
}

int Resizer::rows_to_keep(size_t index, std::span<const int> readings) const {
  int most = readings[index];
  for (int row = 0; row < placement_.height; ++row) {
    int number = 0;  // readings that it takes until all layers reach this row
    for (size_t i = 0; i < parts_.size(); ++i)
      number = std::max(number, (parts_[i].vertical.end(row) + readings[i] - 1) / readings[i]);
    most = std::max(most, number * readings[index] - parts_[index].vertical.first[static_cast<size_t>(row)]);
  }
  return most;
}

void Resizer::advance(std::span<const Rows> rows, std::span<const int> available) {
  const auto is_possible = [&] {
    for (size_t i = 0; i < parts_.size(); ++i)
      if (parts_[i].vertical.end(next_) > available[i]) return false;
    return true;
  };
  while (next_ < placement_.height && is_possible()) {
    for (size_t i = 0; i < parts_.size(); ++i) blend_row(parts_[i], rows[i]);
    ++next_;
    if (next_ % kStrip == 0 || next_ == placement_.height) finish_strip();
  }
}

void Resizer::blend_row(Part& part, const Rows& rows) {
  const auto offset = static_cast<size_t>(part.first - rows.left) * static_cast<size_t>(part.channels);
  int row = part.vertical.first[static_cast<size_t>(next_)];
  for (const uint8_t*& source : part.sources)
    source = rows.samples + static_cast<size_t>(row++ % rows.kept) * rows.stride + offset;
  blend_rows(part.sources.data(), part.vertical.weights_of(next_), part.vertical.count, part.samples,
             part.strip.data() + static_cast<size_t>(next_ % kStrip) * part.stride);
}

uint8_t* Resizer::target(int channel, int row) const {
  const Placement& to = placement_;
  const int y = to.y + (to.mirror_y ? to.height - 1 - row : row);
  return planes_.data() + static_cast<size_t>(channel * to.frame.height + y) * static_cast<size_t>(to.frame.width) +
         to.x;
}

void Resizer::finish_strip() {
  const int width = round_up(placement_.width, 8);
  const size_t stride = static_cast<size_t>(width), plane = kStrip * stride;
  size_t channel = 0;
  for (Part& part : parts_) {
    to_columns(part.strip.data(), part.stride, static_cast<int>(part.stride), columns_.data());
    for (int c = 0; c < part.channels; ++c) {
      blend_columns(columns_.data() + c * kStrip, part.channels, part.horizontal, narrow_.data());
      to_rows(narrow_.data(), width, strip_.data() + channel++ * plane, stride);
    }
  }
  const int last = next_ - 1, first = last - last % kStrip;
  for (int row = first; row <= last; ++row) {
    const int16_t* samples = strip_.data() + static_cast<size_t>(row - first) * stride;
    uint8_t* const rgb[] = {target(0, row), target(1, row), target(2, row)};
    if (parts_.size() == kChannels) {
      to_rgb(samples, samples + plane, samples + 2 * plane, placement_.width, placement_.factor, rgb[0], rgb[1],
             rgb[2]);
    } else {
      for (size_t c = 0; c < kChannels; ++c)
        to_bytes(samples + (channel == kChannels ? c * plane : 0), placement_.width, placement_.factor, rgb[c]);
    }
  }
}

void Resizer::finish() {
  if (!placement_.transposed) return;
  const auto width = static_cast<size_t>(placement_.frame.width), height = static_cast<size_t>(placement_.frame.height);
  std::vector<uint8_t> stored(width * height);
  for (size_t c = 0; c < kChannels; ++c) {
    const auto plane = planes_.subspan(c * stored.size(), stored.size());
    std::ranges::copy(plane, stored.begin());
    for (size_t x = 0; x < width; ++x)
      for (size_t y = 0; y < height; ++y) plane[x * height + y] = stored[y * width + x];
  }
}

void resize(const Image& image, const Placement& placement, std::span<uint8_t> planes) {
  const Layer layer{.width = image.width, .height = image.height, .channels = 3};
  Resizer resizer(placement, std::span(&layer, 1), planes);
  const Rows rows{.samples = image.rgb.data(), .stride = static_cast<size_t>(image.width) * 3, .kept = image.height};
  resizer.advance(std::span(&rows, 1), std::span(&image.height, 1));
  resizer.finish();
}

}  // namespace atelier
