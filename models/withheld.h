#pragma once

#include <cstdint>
#include <torch/types.h>
#include <vector>

#include "models/spec.h"

namespace atelier {

/// What some samples are trained without, so that a model can also be asked for nothing in particular: what
/// classifier-free guidance leads away from (Ho and Salimans 2022).
struct Withheld {
  torch::Tensor labels;      ///< bool [N]: a share of spec.label_dropout
  torch::Tensor conditions;  ///< bool [N]: a share of spec.condition_dropout
};

/// Drawn from (seed, position). As many samples lose both as lose the condition alone, as far as both shares allow
/// (with fewer labels than half of the conditions to lose, all of them): guidance asks for neither, which would be too
/// rare if one went without regard to the other (Brooks et al. 2023, "InstructPix2Pix", section 3.2.1, has 5 % each).
Withheld withhold(const ModelSpec& spec, uint64_t seed, const std::vector<uint64_t>& positions, torch::Device device);

}  // namespace atelier
