#include "train/grid.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "images/transform.h"

namespace atelier {
namespace {

constexpr int64_t kVariations = 4;
constexpr int kSamplerSteps = 12;

/// uint8 [3, H, W] or [1, H, W].
Image to_image(const torch::Tensor& planes) {
  const torch::Tensor rgb = planes.expand({3, -1, -1}).to(torch::kCPU).contiguous();
  const std::span<const uint8_t> pixels(rgb.data_ptr<uint8_t>(), static_cast<size_t>(rgb.numel()));
  return from_planes(pixels, static_cast<int>(rgb.size(2)), static_cast<int>(rgb.size(1)));
}

/// A wish for kVariations pictures of one row: label [1], condition [1, C, H, W] or undefined.
Wish wish_for(const torch::Tensor& label, const torch::Tensor& condition, uint64_t seed) {
  Wish wish;
  wish.labels = label.expand({kVariations});
  if (condition.defined()) wish.conditions = condition.expand({kVariations, -1, -1, -1});
  wish.steps = kSamplerSteps;
  for (int64_t i = 0; i < kVariations; ++i) wish.seeds.push_back(seed + static_cast<uint64_t>(i));
  return wish;
}

/// Of each row kVariations pictures, uint8 [rows * kVariations, 3, H, W].
torch::Tensor generate(Trainer& trainer, const torch::Tensor& labels, const torch::Tensor& conditions,
                       const std::function<void(double)>& told) {
  const torch::NoGradGuard no_grad;
  const WithAverages lent(trainer.averages());
  const Autocast autocast(trainer.state().choices.device, trainer.state().choices.precision.dtype);
  std::vector<torch::Tensor> pictures;
  for (int64_t row = 0; row < labels.size(0); ++row) {
    told(static_cast<double>(row) / static_cast<double>(labels.size(0)));
    const torch::Tensor condition = conditions.defined() ? conditions.slice(0, row, row + 1) : torch::Tensor();
    pictures.push_back(
        trainer.objective().generate(wish_for(labels.slice(0, row, row + 1), condition, trainer.seed())));
  }
  return torch::cat(pictures);
}

Examples shown_rows(const Examples& examples, int64_t most, torch::Device device) {
  const torch::Tensor index = torch::tensor(rows_to_show(examples.labels, most), torch::kInt64);
  return {examples.images.index_select(0, index),
          examples.conditions.index_select(0, index).to(device),
          examples.labels.index_select(0, index).to(device),
          {}};
}

Image grid_of_conditions(Trainer& trainer, const Examples& examples, int64_t most,
                         const std::function<void(double)>& told) {
  const Examples rows = shown_rows(examples, most, trainer.state().choices.device);
  const torch::Tensor pictures = generate(trainer, rows.labels, rows.conditions, told);
  std::vector<Image> cells;
  for (int64_t row = 0; row < rows.labels.size(0); ++row) {
    cells.push_back(to_image(rows.conditions[row]));
    cells.push_back(to_image(rows.images[row]));
    for (int64_t v = 0; v < kVariations; ++v) cells.push_back(to_image(pictures[row * kVariations + v]));
  }
  return contact_sheet(cells, 2 + kVariations);
}

Image grid_of_labels(Trainer& trainer, int64_t most, const std::function<void(double)>& told) {
  const auto labels = static_cast<int64_t>(trainer.objective().spec().labels.size());
  const auto options = torch::TensorOptions(torch::kInt64).device(trainer.state().choices.device);
  const torch::Tensor rows =
      labels == 0 ? torch::full({1}, -1, options) : torch::arange(std::min(labels, most), options);
  const torch::Tensor pictures = generate(trainer, rows, {}, told);
  std::vector<Image> cells;
  for (int64_t i = 0; i < pictures.size(0); ++i) cells.push_back(to_image(pictures[i]));
  return contact_sheet(cells, kVariations);
}

}  // namespace

std::vector<int64_t> rows_to_show(const torch::Tensor& labels, int64_t most) {
  struct Row {
    int64_t turn, label, example;
  };
  std::map<int64_t, int64_t> seen;  // of each label, so far
  std::vector<Row> rows;
  rows.reserve(static_cast<size_t>(labels.size(0)));
  for (int64_t i = 0; i < labels.size(0); ++i) {
    const auto label = labels[i].item<int64_t>();
    rows.push_back({seen[label]++, label, i});
  }
  std::ranges::sort(rows, {}, [](const Row& row) { return std::pair(row.turn, row.label); });
  rows.resize(std::min(rows.size(), static_cast<size_t>(most)));
  std::ranges::sort(rows, {}, [](const Row& row) { return std::pair(row.label, row.turn); });
  std::vector<int64_t> examples;
  examples.reserve(rows.size());
  for (const Row& row : rows) examples.push_back(row.example);
  return examples;
}

Image sample_grid(Trainer& trainer, const Examples& examples, int64_t most, const std::function<void(double)>& told) {
  return trainer.objective().spec().condition == "none" ? grid_of_labels(trainer, most, told)
                                                        : grid_of_conditions(trainer, examples, most, told);
}

}  // namespace atelier
