#include "train/held_out.h"

#include <algorithm>
#include <span>

#include "base/files.h"
#include "train/micro_batch.h"

namespace atelier {
namespace {

/// Of each sample, float64 [N].
torch::Tensor losses_of(Trainer& trainer, const Examples& examples, const std::function<void(double)>& told) {
  constexpr uint64_t kMost = 32;
  const torch::NoGradGuard no_grad;
  const Choices& choices = trainer.state().choices;
  const uint64_t of_a_step = images_at_once(choices, trainer.clock().batch());  // so many are known to fit into memory
  const auto batch = static_cast<int64_t>(std::min(kMost, of_a_step));
  const auto count = static_cast<int64_t>(examples.positions.size());
  std::vector<torch::Tensor> losses;
  for (int64_t begin = 0; begin < count; begin += batch) {
    told(static_cast<double>(begin) / static_cast<double>(count));
    const Examples part = slice(examples, begin, std::min(begin + batch, count), choices.device);
    const Autocast autocast(choices.device, choices.precision.dtype);
    losses.push_back(trainer.objective().held_out_loss(part, trainer.seed()));
  }
  return torch::cat(losses).to(torch::kCPU, torch::kFloat64);
}

MeanLoss mean_of(const torch::Tensor& raw, const torch::Tensor& average) {
  return {.raw = raw.mean().item<double>(), .average = average.mean().item<double>()};
}

/// The beginning of the SHA-256 of what a network is given of them.
std::string name_of(const Examples& examples) {
  Sha256 hash;
  for (const torch::Tensor& numbers : {examples.images, examples.conditions, examples.labels}) {
    if (!numbers.defined()) continue;
    const torch::Tensor own = numbers.contiguous();
    hash.update({static_cast<const std::byte*>(own.const_data_ptr()), own.nbytes()});
  }
  return hash.hex().substr(0, 16);
}

}  // namespace

HeldOutLoss held_out_loss(Trainer& trainer, const Examples& examples, const std::function<void(double)>& told) {
  const torch::Tensor raw = losses_of(trainer, examples, [&](double share) { told(share / 2); });
  const WithAverages lent(trainer.averages());
  const torch::Tensor average = losses_of(trainer, examples, [&](double share) { told((1 + share) / 2); });
  HeldOutLoss result{.loss = mean_of(raw, average), .labels = {}, .set = name_of(examples)};
  const std::vector<std::string>& names = trainer.objective().spec().labels;
  for (int64_t label = -1; label < static_cast<int64_t>(names.size()); ++label) {
    const torch::Tensor own = examples.labels.eq(label);
    if (const auto samples = own.sum().item<int64_t>(); samples > 0)
      result.labels.push_back({.label = label < 0 ? "" : names[static_cast<size_t>(label)],
                               .samples = samples,
                               .loss = mean_of(raw.masked_select(own), average.masked_select(own))});
  }
  return result;
}

}  // namespace atelier
