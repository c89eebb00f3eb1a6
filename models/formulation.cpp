#include "models/formulation.h"

#include <fmt/format.h>
#include <stdexcept>

#include "models/flow.h"
#include "models/keyed.h"
#include "models/pixels.h"
#include "models/sampler.h"

namespace atelier {
namespace {

constexpr Formulation kEdm{
    .loss_name = "EDM loss",
    .level = noise_level,
    .kept = [](const torch::Tensor& sigma) { return torch::ones_like(sigma); },
    .precondition = precondition,
    .weight = loss_weight,
    .top = [](double strength) { return strength < 1 ? strength_level(strength) : kSigmaMax; },
    .levels = [](int steps, double top) { return noise_levels(steps, kSigmaMin, top); },
};

constexpr Formulation kFlow{
    .loss_name = "flow loss",
    .level = flow_time,
    .kept = [](const torch::Tensor& t) { return 1 - t; },
    .precondition = flow_preconditioning,
    .weight = flow_weight,
    .top = [](double strength) { return strength; },
    .levels = flow_times,
};

}  // namespace

const Formulation& formulation_of(const std::string& objective) {
  if (objective == "edm") return kEdm;
  if (objective == "flow") return kFlow;
  throw std::invalid_argument(fmt::format("There is no objective \"{}\" of diffusion: take edm or flow.", objective));
}

torch::Tensor draw_levels(const Formulation& formulation, uint64_t seed, const std::vector<uint64_t>& positions,
                          torch::Device device) {
  return formulation.level(keyed_normal(seed, positions, Purpose::kNoiseLevel, {}, device));
}

torch::Tensor add_noise(const Formulation& formulation, const torch::Tensor& pictures, const torch::Tensor& level,
                        const torch::Tensor& noise) {
  return torch::addcmul(as_pixels(formulation.kept(level)) * pictures, as_pixels(level), noise);
}

torch::Tensor min_snr_weight(const Formulation& formulation, const torch::Tensor& level, double gamma) {
  const torch::Tensor ratio = (formulation.kept(level) * kSigmaData / level).square();
  return ratio.clamp_max(gamma) / (kSigmaData * kSigmaData);
}

}  // namespace atelier
