#include "models/objective.h"

#include <fmt/format.h>
#include <stdexcept>

#include "models/diffusion_objective.h"
#include "models/pix2pix_objective.h"

namespace atelier {

int64_t parameter_count(const Player& player) {
  int64_t count = 0;
  for (const auto& parameter : player.module->parameters()) count += parameter.numel();
  return count;
}

void Objective::to(torch::Device device) {
  for (const auto& player : players()) player.module->to(device);
}

std::unique_ptr<Objective> make_objective(const ModelSpec& spec, uint64_t seed) {
  if (spec.kind == "diffusion") return make_diffusion(spec, seed);
  if (spec.kind == "pix2pix") return make_pix2pix(spec, seed);
  throw std::invalid_argument(fmt::format("There is no kind of model \"{}\": take diffusion or pix2pix.", spec.kind));
}

}  // namespace atelier
