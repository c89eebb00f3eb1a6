#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <torch/types.h>

#include "models/spec.h"

/// One model in one file that explains itself: what `atelier-train export` writes, and what generating and fine-tuning
/// start from. A safetensors file (models/weights.h) whose metadata describe the network; docs/weights.md.
namespace atelier {

struct WeightsFile {
  ModelSpec spec;
  std::map<std::string, torch::Tensor> tensors;  ///< "<player>.<parameter or buffer>"
  std::string weights;                           ///< "average" or "raw"; empty: the file does not say
  uint64_t position = 0;                         ///< samples that they were trained on; 0: the file does not say
  std::map<std::string, std::string> metadata;   ///< whatever else the metadata say
};

/// The metadata of such a file: all of it but the tensors.
std::map<std::string, std::string> weights_metadata(const WeightsFile& file);

/// Writes `path`, which appears whole or not at all. Same content, same bytes. Throws std::invalid_argument when
/// something is there already (it is left alone), std::runtime_error when the disk refuses.
void save_weights(const std::filesystem::path& path, const WeightsFile& file);

/// Reads such a file, or model.safetensors or ema.safetensors of a checkpoint, onto the CPU. Any bytes are safe, and a
/// description of a network larger than the file is refused. That the tensors are those of the network is for
/// load_into to check. Throws std::invalid_argument with one sentence that names the file.
WeightsFile load_weights(const std::filesystem::path& path);

}  // namespace atelier
