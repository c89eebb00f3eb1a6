#include "models/trained_network.h"

#include <fmt/format.h>
#include <stdexcept>
#include <system_error>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The weights to generate with, and the hash that names them.
struct Chosen {
  WeightsFile file;
  std::string sha256;
};

/// The SHA-256 of `file` as the checkpoint's seal has it.
std::string sealed_hash(const Checkpoint& checkpoint, const std::string& file) {
  const auto& files = checkpoint.state.at("files");
  if (!files.contains(file))
    throw std::invalid_argument(fmt::format("The checkpoint {} holds no {}.", checkpoint.folder.string(), file));
  return files.at(file).get<std::string>();
}

Chosen load_single_file(const fs::path& path, bool average) {
  Chosen chosen{load_weights(path), sha256_file(path)};
  if (!average && chosen.file.weights == "average")
    throw std::invalid_argument(fmt::format(
        "{} holds the average of the weights, and the raw ones are asked for: export them for that.", path.string()));
  return chosen;
}

Chosen load_from_run(const fs::path& path, bool average, std::vector<std::string>& warnings) {
  const Checkpoint checkpoint = open_checkpoint(path, warnings);
  const std::string name = average ? "ema.safetensors" : "model.safetensors";
  const std::string hash = sealed_hash(checkpoint, name);
  Chosen chosen{load_weights(checkpoint.folder / name), hash};
  chosen.file.weights = average ? "average" : "raw";
  chosen.file.position = checkpoint.position;
  return chosen;
}

/// The network that a weights file describes and fills. Players that keep no average, such as a discriminator, only
/// matter in training and stay as they are.
std::unique_ptr<Objective> make_network(const WeightsFile& file) {
  auto objective = make_objective(file.spec, 0);
  for (const Player& player : objective->players()) {
    player.module->eval();
    if (player.averaged) load_into(*player.module, player.name, file.tensors);
  }
  return objective;
}

}  // namespace

TrainedNetwork load_network(const fs::path& path, bool average, std::vector<std::string>& warnings) {
  std::error_code unreadable;  // open_checkpoint says what is wrong
  const Chosen chosen =
      fs::is_regular_file(path, unreadable) ? load_single_file(path, average) : load_from_run(path, average, warnings);
  return {.objective = make_network(chosen.file),
          .average = chosen.file.weights != "raw",
          .position = chosen.file.position,
          .sha256 = chosen.sha256};
}

}  // namespace atelier
