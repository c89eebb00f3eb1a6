#include "models/flow.h"

#include <fmt/format.h>
#include <stdexcept>

namespace atelier {

torch::Tensor flow_time(const torch::Tensor& z) { return torch::sigmoid(z); }

Preconditioning flow_preconditioning(const torch::Tensor& t) {
  const torch::Tensor one = torch::ones_like(t);
  return {.skip = one, .out = -t, .in = one, .noise = 2 * t - 1};
}

torch::Tensor flow_weight(const torch::Tensor& t) { return t.square().reciprocal(); }

std::vector<double> flow_times(int steps, double top) {
  if (steps < 1) throw std::invalid_argument(fmt::format("A sampler needs 1 step or more, not {}.", steps));
  std::vector<double> times;
  for (int i = 0; i <= steps; ++i) times.push_back(top * (steps - i) / steps);
  return times;
}

}  // namespace atelier
