#include "models/palette.h"

#include <algorithm>

#include "base/random.h"

namespace atelier {

torch::Tensor foreground_colors(const torch::Tensor& images) {
  constexpr int kContrast =
      8;  // levels; more than the noise of a JPEG's white, less than the shading of white furniture
  const torch::Tensor pixels = images.to(torch::kFloat32);                                      // [N, 3, H, W]
  const torch::Tensor background = pixels.amax({2, 3}, /*keepdim=*/true);                       // [N, 3, 1, 1]
  const torch::Tensor foreground = (background - pixels > kContrast).any(1, /*keepdim=*/true);  // [N, 1, H, W]
  const torch::Tensor count = foreground.sum({2, 3});                                           // [N, 1]
  const torch::Tensor sum = (pixels * foreground).sum({2, 3});                                  // [N, 3]
  return torch::where(count > 0, sum / count.clamp_min(1), background.flatten(1)).round_().to(torch::kUInt8);
}

PaletteImpl::PaletteImpl(int64_t label_count)
    : colors(register_buffer("colors", torch::zeros({label_count + 1, kColors, 3}, torch::kUInt8))),
      counts(register_buffer("counts", torch::zeros({label_count + 1}, torch::kInt64))) {}

void PaletteImpl::note(const torch::Tensor& labels, const torch::Tensor& seen, const std::vector<uint64_t>& positions,
                       uint64_t seed) {
  const torch::Tensor label = labels.cpu(), color = seen.cpu(), noted = counts.cpu();
  for (size_t n = 0; n < positions.size(); ++n) {
    const auto sample = static_cast<int64_t>(n);
    const int64_t row = row_of(label.const_data_ptr<int64_t>()[n]);
    const int64_t before = noted.data_ptr<int64_t>()[row]++;
    const auto place = before < kColors ? before
                                        : static_cast<int64_t>(random_below(static_cast<uint64_t>(before) + 1, seed,
                                                                            positions[n], Purpose::kPalette));
    if (place < kColors) colors[row][place].copy_(color[sample]);
  }
  counts.copy_(noted);
}

torch::Tensor PaletteImpl::draw(int64_t label, uint64_t seed) const {
  const auto kept = [&](int64_t row) {
    return colors[row].slice(0, 0, std::min(counts[row].item<int64_t>(), kColors)).cpu();
  };
  const auto pick = [&](const torch::Tensor& from, uint64_t element) {
    const uint64_t chosen = random_below(static_cast<uint64_t>(from.size(0)), seed, 0, Purpose::kPalette, element);
    return from[static_cast<int64_t>(chosen)].to(torch::kFloat32);
  };
  std::vector<torch::Tensor> rows;
  for (int64_t row = 0; row < counts.size(0); ++row) rows.push_back(kept(row));
  const torch::Tensor every = torch::cat(rows);
  if (every.size(0) == 0) return torch::full({3}, 128, torch::kUInt8);
  const torch::Tensor own = rows[static_cast<size_t>(row_of(label))];
  const double way = kLongestWay * random_uniform(seed, 0, Purpose::kPalette, 2);
  return pick(own.size(0) > 0 ? own : every, 0).lerp(pick(every, 1), way).round_().to(torch::kUInt8);
}

}  // namespace atelier
