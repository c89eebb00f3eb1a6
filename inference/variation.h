#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "images/image.h"
#include "inference/preprocess.h"
#include "inference/request.h"

namespace atelier {

/// The weights that pictures come from, and where they are computed.
struct Origin {
  std::string kind;               ///< "diffusion" or "pix2pix"
  std::string checkpoint_sha256;  ///< of the weights file
  bool average = true;            ///< the running average of the weights
  uint64_t position = 0;          ///< samples that the model was trained on
  std::string device;             ///< "cpu", "cuda"
  int threads = 1;                ///< sums on the CPU depend on it in the last bits
};

/// One finished picture.
struct Variation {
  nlohmann::ordered_json record;  ///< what made it; see make_record
  Image image;
  std::vector<std::byte> png;  ///< the image, with its record in the text chunk "atelier"
  double milliseconds = 0;     ///< to make and encode it
  size_t request = 0;          ///< which of the requests it answers, from 0
};

/// Everything that makes the picture of `seed` again, as a JSON object: seed, label, size, model, sampler, steps,
/// guidance, strength, color, image and condition (SHA-256 of the files), checkpoint, average, position, device,
/// threads. null: not asked for, or no meaning for this kind of model. Times and paths have no place in it, so the same
/// request makes the same bytes.
nlohmann::ordered_json make_record(const DesignRequest& request, const Material& material, const Origin& origin,
                                   uint64_t seed, std::optional<Rgb> color, int side);

/// `image` encoded together with its record.
Variation finish(Image image, nlohmann::ordered_json record);

}  // namespace atelier
