#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/objective.h"

namespace atelier {

/// A network to generate with.
struct TrainedNetwork {
  std::unique_ptr<Objective> objective;  ///< on the CPU
  bool average = true;                   ///< holds the running average of its weights, as far as is known
  uint64_t position = 0;                 ///< samples that it was trained on; 0: the file does not say
  std::string sha256;                    ///< of the file
};

/// Loads what `path` names: a run folder (its newest good checkpoint), one position's folder or a weights file.
///   average   the running average of the weights, else the raw ones; of a weights file: what it holds
///   warnings  gets the damaged checkpoints that were passed over
/// Throws std::invalid_argument, one sentence.
TrainedNetwork load_network(const std::filesystem::path& path, bool average, std::vector<std::string>& warnings);

}  // namespace atelier
