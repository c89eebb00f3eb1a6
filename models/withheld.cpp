#include "models/withheld.h"

#include <algorithm>

#include "models/keyed.h"

namespace atelier {

Withheld withhold(const ModelSpec& spec, uint64_t seed, const std::vector<uint64_t>& positions, torch::Device device) {
  const double label = spec.label_dropout, condition = spec.condition_dropout;
  const torch::Tensor labels = keyed_uniform(seed, positions, Purpose::kLabelDropout, device) < label;
  const double both = std::clamp(condition / 2, std::max(0.0, label + condition - 1), std::min(label, condition));
  const double given_none = label > 0 ? both / label : 0, given_label = (condition - both) / (1 - label);
  const torch::Tensor draws = keyed_uniform(seed, positions, Purpose::kConditionDropout, device);
  return {.labels = labels, .conditions = torch::where(labels, draws < given_none, draws < given_label)};
}

}  // namespace atelier
