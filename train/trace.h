#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "data/batch.h"
#include "train/trainer.h"

/// What each step of a run took and gave, exactly: for comparing two runs. docs/run-folder.md has the format.
namespace atelier {

/// One step.
struct TraceLine {
  uint64_t step = 0;      ///< steps done after it
  uint64_t position = 0;  ///< of its first sample
  std::vector<int64_t> entries;
  std::string pixels;  ///< SHA-256 of images, conditions and labels, as the network was given them
  std::map<std::string, std::string> losses;  ///< player -> every bit of the loss, as a hexadecimal float
  bool operator==(const TraceLine&) const = default;
};

/// Writes a JSON line a step. Throws std::invalid_argument for a file that cannot be made, and std::runtime_error when
/// the disk refuses.
class Trace {
 public:
  explicit Trace(const std::filesystem::path& file);
  /// `clock` has the step.
  void step(const Clock& clock, const Batch& batch, const std::vector<std::string>& players, const StepResult& result);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

/// Throws std::runtime_error for what Trace did not write.
std::vector<TraceLine> read_trace(const std::filesystem::path& file);

}  // namespace atelier
