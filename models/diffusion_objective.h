#pragma once

#include <cstdint>
#include <memory>

#include "models/objective.h"

namespace atelier {

/// A U-Net trained to take noise off pictures, by EDM or by flow matching (spec.objective), and sampled from pure noise
/// or from a design: models/unet, formulation and sampler behind one Objective. Its only player is "denoiser".
///
/// spec.min_snr_gamma weighs the loss that is trained on; the held-out loss keeps the formulation's own weight, so that
/// models with and without it can be compared.
///
/// A label of -1 asks for no label in particular. Generations run one picture at a time, so that a picture is the same
/// bits whatever was asked for beside it. Weights follow from `seed`. Throws std::invalid_argument when the spec cannot
/// be built.
std::unique_ptr<Objective> make_diffusion(const ModelSpec& spec, uint64_t seed);

}  // namespace atelier
