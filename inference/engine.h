#pragma once

#include <memory>
#include <string>
#include <vector>

#include "configs/config.h"
#include "images/image.h"
#include "inference/preprocess.h"
#include "inference/request.h"
#include "inference/variation.h"
#include "models/spec.h"

namespace atelier {

class Objective;

/// A checkpoint's generator, ready to make pictures: one at a time, so that a picture depends on its own seed alone,
/// whatever it is asked for together with. Not thread-safe.
class Engine {
 public:
  /// Opens the checkpoint or the weights file that `config` names, verifies it and loads its generator onto the device.
  /// Sets the number of threads that LibTorch computes with, which is the process's.
  ///   warnings  gains a sentence for each damaged checkpoint that was passed over
  /// Throws std::invalid_argument when there is no such checkpoint, it is damaged, or of another program.
  Engine(const GenerateConfig& config, std::vector<std::string>& warnings);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  ~Engine();

  const ModelSpec& spec() const;
  const Origin& origin() const { return origin_; }

  /// The picture of one seed, encoded. Same arguments and origin, same bytes. Throws std::runtime_error when the device
  /// fails, such as by running out of memory.
  Variation make(const DesignRequest& request, const Material& material, uint64_t seed);

 private:
  Origin origin_;
  std::unique_ptr<Objective> objective_;
};

}  // namespace atelier
