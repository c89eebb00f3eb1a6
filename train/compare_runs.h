#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace atelier {

/// Where two runs that should be the same part, one sentence each, what came first in time first; empty: nowhere.
///   traces       files of Trace; of a run in several legs one a leg, whose lines are put together
///   checkpoints  of the same position: every tensor is compared bit for bit, then the ledger and all of the state
/// Throws what reading them throws.
struct Recorded {
  std::vector<std::filesystem::path> traces;
  std::filesystem::path checkpoint;
};
std::vector<std::string> differences(const Recorded& straight, const Recorded& resumed);

}  // namespace atelier
