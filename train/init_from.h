#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <torch/types.h>
#include <vector>

#include "models/objective.h"
#include "models/spec.h"

/// Fine-tuning: a run that begins with the weights of another one (train.init_from). docs/training.md is the guide.
namespace atelier {

/// Weights to begin with.
struct InitSource {
  ModelSpec spec;
  std::map<std::string, torch::Tensor> tensors;  ///< "<player>.<parameter or buffer>"
  nlohmann::json origin;  ///< "path", "position" and "files": name -> SHA-256, for the run's state
};

/// Reads `path`: a run folder (its newest good checkpoint), one position's folder, or a weights file of one model. Of a
/// checkpoint the averaged weights are taken, and the raw ones of what keeps no average. Damaged checkpoints that were
/// passed over are named in `warnings`. Throws std::invalid_argument, one sentence.
InitSource read_init_source(const std::filesystem::path& path, std::vector<std::string>& warnings);

/// What became of the tensors and of the labels' rows in them, by name.
struct Inherited {
  std::vector<std::string> taken;    ///< into the model
  std::vector<std::string> fresh;    ///< of the model, as its seed made them
  std::vector<std::string> dropped;  ///< of the source
  std::vector<std::string> labels_taken, labels_fresh, labels_dropped;
  double share = 0;  ///< of the model's weights that were taken, 0..1
};

/// Copies into the networks of `objective` each weight of the same name and shape. Tables of labels are copied row by
/// row, by the labels' names and for "no label". Buffers, which note what a run has seen of its data (the colours of
/// pix2pix), are not taken. A pure function of both. Throws std::invalid_argument when nothing fits, or when a number
/// is not finite.
Inherited inherit_weights(Objective& objective, const InitSource& source);

/// For people: a line, or a few.
std::vector<std::string> describe(const Inherited& inherited, const InitSource& source);

/// RUN/init_from.json: everything, by name. docs/run-folder.md describes it.
nlohmann::json to_json(const Inherited& inherited, const InitSource& source);

}  // namespace atelier
