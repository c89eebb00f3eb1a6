#include "train/held_out.h"

#include <algorithm>

namespace atelier {
namespace {

double mean_loss(Trainer& trainer, const Examples& examples) {
  constexpr int64_t kBatch = 32;
  const torch::NoGradGuard no_grad;
  const Choices& choices = trainer.state().choices;
  const auto count = static_cast<int64_t>(examples.positions.size());
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += kBatch) {
    const Examples part = slice(examples, begin, std::min(begin + kBatch, count), choices.device);
    const Autocast autocast(choices.device, choices.precision.dtype);
    sum += trainer.objective().held_out_loss(part, trainer.seed()).to(torch::kFloat64).sum().item<double>();
  }
  return sum / static_cast<double>(count);
}

}  // namespace

HeldOutLoss held_out_loss(Trainer& trainer, const Examples& examples) {
  HeldOutLoss loss;
  loss.raw = mean_loss(trainer, examples);
  const WithAverages lent(trainer.averages());
  loss.average = mean_loss(trainer, examples);
  return loss;
}

}  // namespace atelier
