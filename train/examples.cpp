#include "train/examples.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "train/tensors.h"

namespace atelier {

Examples to_examples(const Batch& batch, torch::Device device) {
  const auto there = [&](const torch::Tensor& tensor) { return tensor.defined() ? tensor.to(device) : tensor; };
  return {there(images_of(batch)), there(conditions_of(batch)), there(labels_of(batch)),
          std::vector<uint64_t>(batch.positions.begin(), batch.positions.end())};
}

Examples slice(const Examples& examples, int64_t begin, int64_t end, torch::Device device) {
  const auto part = [&](const torch::Tensor& all) { return all.defined() ? all.slice(0, begin, end).to(device) : all; };
  return {part(examples.images), part(examples.conditions), part(examples.labels),
          std::vector<uint64_t>(examples.positions.begin() + begin, examples.positions.begin() + end)};
}

Examples fetch_examples(const Config& config, StreamPlan plan, int64_t count, const std::function<void(double)>& told) {
  count = std::min(count, static_cast<int64_t>(plan.order.entries));
  plan.augment = false;
  plan.batch = static_cast<uint64_t>(std::min<int64_t>(count, 32));
  plan.end = plan.start.position + static_cast<uint64_t>(count);
  Stream stream(config, plan);
  std::vector<torch::Tensor> images, conditions, labels;
  std::vector<uint64_t> positions;
  while (static_cast<int64_t>(positions.size()) < count) {
    told(static_cast<double>(positions.size()) / static_cast<double>(count));
    const Batch batch = stream.next({}, std::chrono::milliseconds(500));
    if (batch.size == 0) continue;
    const Examples examples = to_examples(batch, torch::kCPU);
    images.push_back(examples.images.clone());  // the stream wants its buffer back
    if (examples.conditions.defined()) conditions.push_back(examples.conditions.clone());
    labels.push_back(examples.labels);
    positions.insert(positions.end(), examples.positions.begin(), examples.positions.end());
  }
  return {torch::cat(images), conditions.empty() ? torch::Tensor() : torch::cat(conditions), torch::cat(labels),
          positions};
}

}  // namespace atelier
