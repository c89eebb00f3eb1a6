#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "data/batch.h"
#include "data/manifest.h"
#include "train/trainer.h"

namespace atelier {

/// A run's faults.jsonl (docs/run-folder.md): for which batch updates were left out, and where that began. Prints
/// nothing.
class FaultRecord {
 public:
  static constexpr uint64_t kMostLines = 1'000;               ///< faults beyond them are only counted
  static constexpr uint64_t kMostBytes = uint64_t{64} << 20;  ///< the same

  /// Goes on where `trainer` is: lines beyond are removed. `trainer` and `manifest` outlive this.
  FaultRecord(const std::filesystem::path& run_dir, Trainer& trainer, const Manifest& manifest);

  /// After each step, with what the trainer was given and gave. Adds a line for a fault; the first one of a row is
  /// replayed, which takes several times a step. `warn` gets a sentence about the first one of a row, about the end of
  /// a row, and when no more are recorded. Throws std::runtime_error when the disk refuses.
  void step(const Batch& batch, const Examples& examples, const StepResult& result,
            const std::function<void(const std::string&)>& warn);

 private:
  bool full() const { return lines_ >= kMostLines || bytes_ >= kMostBytes; }
  void add(const Batch& batch, const StepFault& fault, const nlohmann::ordered_json& replay);
  std::string sentence(const Batch& batch, const StepFault& fault, const nlohmann::ordered_json& replay) const;
  std::string player_of(const StepFault& fault) const;

  const std::filesystem::path path_;
  Trainer& trainer_;
  const Manifest& manifest_;
  uint64_t lines_ = 0, bytes_ = 0;
  uint64_t in_a_row_ = 0;  // faulty steps, up to the last step
  bool said_full_ = false;
};

}  // namespace atelier
