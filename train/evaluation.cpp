#include "train/evaluation.h"

#include <stdexcept>
#include <vector>

#include "configs/console.h"
#include "train/examples.h"

namespace atelier {
namespace {

/// The list's labels as the network numbers them.
torch::Tensor renamed(const torch::Tensor& labels, const std::vector<int64_t>& names) {
  const torch::Tensor table =
      torch::cat({torch::tensor(names, torch::kInt64), torch::tensor({int64_t{-1}})});  // none: last
  const torch::Tensor own = labels.to(torch::kCPU);
  return table.index_select(0, own.masked_fill(own < 0, static_cast<int64_t>(names.size()))).to(labels.device());
}

/// As many pictures as `examples`, with their labels and conditions.
torch::Tensor counterparts(Objective& network, const Examples& examples, const Sampling& sampling, uint64_t first) {
  Wish wish;
  wish.labels = renamed(examples.labels, sampling.labels);
  if (network.spec().condition_channels() > 0) wish.conditions = examples.conditions;
  wish.steps = sampling.steps;
  wish.guidance = sampling.guidance;
  for (uint64_t i = 0; i < examples.positions.size(); ++i) wish.seeds.push_back(sampling.seed + first + i);
  return network.generate(wish);
}

}  // namespace

Evaluation evaluate(Objective& network, torch::Device device, Stream& real, int64_t count, const Sampling& sampling,
                    FeatureExtractor& features, const std::function<void(int64_t done)>& told,
                    const std::stop_token& stop) {
  std::vector<torch::Tensor> of_real, of_generated;
  int64_t done = 0;
  while (done < count) {
    const Batch batch = real.next(stop);
    if (stop.stop_requested()) throw Interrupted{};
    if (batch.size == 0) break;
    const Examples examples = slice(to_examples(batch, device), 0, std::min<int64_t>(batch.size, count - done), device);
    of_real.push_back(features(examples.images));
    of_generated.push_back(features(counterparts(network, examples, sampling, static_cast<uint64_t>(done))));
    done += examples.labels.size(0);
    told(done);
  }
  if (done < 2) throw std::invalid_argument("there are no two pictures to compare with: hold more out, or name a list");
  const torch::Tensor x = torch::cat(of_real), y = torch::cat(of_generated);
  return {.pictures = done,
          .features = x.size(1),
          .frechet = frechet_distance(x, y),
          .kernel = kernel_distance(x, y),
          .shares = precision_and_recall(x, y)};
}

}  // namespace atelier
