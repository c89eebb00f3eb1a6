#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <torch/types.h>
#include <vector>

#include "configs/config.h"
#include "train/changes.h"
#include "train/precision.h"

namespace atelier {

/// What `auto` and the machine decide for a run: chosen once, at its first start, stored in its state and kept (law 4).
struct Choices {
  torch::Device device = torch::kCPU;
  PrecisionChoice precision;
  int threads = 1;           ///< of each operator: sums depend on it
  std::string arithmetic;    ///< arithmetic_name() of the machine
  uint64_t window = 0;       ///< of the shuffle, entries
  uint64_t micro_batch = 0;  ///< images of a step that are computed at once, at most; 0: all
};

/// For a new run. Fixes the process's arithmetic (fix_arithmetic) on the way, since precision is measured with it.
Choices make_choices(const Config& config, uint64_t window);

/// For a resumed one: what was chosen stays unless a setting now asks for something else by name, which goes to
/// `changes`, or the machine is another one, which is named in `warnings`: from there on the run is not the same bit
/// for bit. Fixes the process's arithmetic too.
Choices keep_choices(const Config& config, const Choices& saved, std::vector<Change>& changes,
                     std::vector<std::string>& warnings);

void to_json(nlohmann::json& json, const Choices& choices);
/// Throws std::invalid_argument on anything that to_json did not write.
void from_json(const nlohmann::json& json, Choices& choices);

}  // namespace atelier
