#pragma once

#include <cstdint>
#include <memory>

#include "models/objective.h"

namespace atelier {

/// Image to image by a conditional adversarial network (Isola et al. 2017): models/pix2pix behind one Objective.
///
/// Players: "discriminator", then "generator" (averaged). Their losses, with G the generator's picture of an example,
/// y the real one, D the discriminator's logits and means over patches or pixels:
///
///   discriminator  (softplus(-D(y)) + softplus(D(G))) / 2                    equation 1, halved (section 3.3)
///   generator      softplus(-D(G)) + 100 |G - y|, pictures in -1..1          equation 4, log D maximised (section 3.3)
///
/// held_out_loss is |G - y| with pixels in 0..1 and without dropout. The colour that an example is made from is that of
/// its own foreground; observe() keeps them as the palette that generations draw from. Dropout stays on in
/// generate(), keyed by the seed of each picture: it is the noise of section 3.2. Pictures are made one by one, so that
/// each is the same bits whatever was asked for beside it.
///
/// Weights follow from `seed`, normal with deviation 0.02 (section 6.2). Throws std::invalid_argument when the spec has
/// no condition or a side that its levels do not divide.
std::unique_ptr<Objective> make_pix2pix(const ModelSpec& spec, uint64_t seed);

}  // namespace atelier
