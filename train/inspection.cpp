#include "train/inspection.h"

#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "models/checkpoint.h"
#include "models/objective.h"
#include "models/weights_file.h"
#include "train/checkpoint.h"
#include "train/run_state.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json size_of(const fs::path& file) {
  std::error_code error;
  const auto bytes = fs::file_size(file, error);
  return error ? Json() : Json(bytes);
}

/// The network with the number of parameters of each player.
Json describe(const ModelSpec& spec) {
  Json model = nlohmann::json(spec);
  const auto objective = make_objective(spec, 0);
  for (const Player& player : objective->players()) model["parameters"][player.name] = parameter_count(player);
  return model;
}

/// Every file that state.json names: whether its hash holds. The first fault: what verify_file says of it.
std::optional<std::string> describe_files(const Checkpoint& checkpoint, Json& files) {
  std::optional<std::string> fault;
  for (const auto& [name, hash] : checkpoint.state.at("files").items()) {
    bool good = true;
    try {
      verify_file(checkpoint, name);
    } catch (const std::invalid_argument& error) {
      good = false;
      if (!fault) fault = error.what();
    }
    files.push_back(
        {{"name", name}, {"bytes", size_of(checkpoint.folder / fs::path(name).filename())}, {"good", good}});
  }
  return fault;
}

/// Fields of state.json, of a checkpoint and of a snapshot of averages.
const std::vector<const char*> kCheckpointFields = {"position", "step",      "total_positions", "segments",
                                                    "lists",    "choices",   "changes",         "init_from",
                                                    "skipped",  "overflows", "skips_in_a_row"};
const std::vector<const char*> kAveragesFields = {"position", "lengths"};

Json describe_checkpoint(const fs::path& folder) {
  Json found{{"path", folder.string()}, {"good", false}};
  if (const auto position = position_of(folder)) found["position"] = *position;
  try {
    const bool averages = read_checkpoint(folder, {}).state.contains("lengths");
    const Checkpoint checkpoint = averages ? read_checkpoint(folder, {}) : read_checkpoint(folder, kCheckpointFiles);
    Json files = Json::array();
    const auto fault = describe_files(checkpoint, files);
    const nlohmann::json state = averages ? checkpoint.state : to_json(run_state_from_json(checkpoint.state));
    for (const char* field : averages ? kAveragesFields : kCheckpointFields) found[field] = state.at(field);
    found["files"] = std::move(files);
    found["good"] = !fault;
    if (fault) found["fault"] = *fault;
  } catch (const std::invalid_argument& error) {
    found["fault"] = error.what();
  }
  return found;
}

/// The model of the newest good one of `checkpoints`, and its position; null where none is good.
void add_newest(Json& found, const Json& checkpoints) {
  fs::path newest;
  found["newest"] = found["model"] = nullptr;
  for (const Json& checkpoint : checkpoints) {
    if (!checkpoint.at("good").get<bool>()) continue;
    found["newest"] = checkpoint.at("position");
    newest = fs::path(checkpoint.at("path").get<std::string>()) / "ema.safetensors";
  }
  if (!newest.empty()) found["model"] = describe(load_weights(newest).spec);
}

Json inspect_folders(const char* what, const fs::path& path, const std::vector<fs::path>& folders) {
  Json checkpoints = Json::array();
  for (const fs::path& folder : folders) checkpoints.push_back(describe_checkpoint(folder));
  Json found{{"what", what}, {"path", path.string()}};
  add_newest(found, checkpoints);
  found["checkpoints"] = std::move(checkpoints);
  if (const auto averages = list_sealed_folders(path / "averages"); !averages.empty())
    for (const fs::path& folder : averages) found["averages"].push_back(describe_checkpoint(folder));
  return found;
}

Json inspect_file(const fs::path& path) {
  const WeightsFile file = load_weights(path);
  Json found{{"what", "weights"}, {"path", path.string()}, {"bytes", size_of(path)}};
  found["weights"] = file.weights.empty() ? Json() : Json(file.weights);
  found["position"] = file.position == 0 ? Json() : Json(file.position);
  found["model"] = describe(file.spec);
  found["tensors"] = file.tensors.size();
  found["metadata"] = file.metadata;
  return found;
}

}  // namespace

nlohmann::ordered_json inspect(const fs::path& path) {
  if (fs::is_regular_file(path)) return inspect_file(path);
  if (fs::exists(path / "state.json")) return inspect_folders("checkpoint", path, {path});
  if (fs::is_directory(path / "positions")) return inspect_folders("run", path, list_checkpoints(path));
  throw std::invalid_argument(fmt::format(
      "{} is no run folder, no checkpoint and no weights file: give one of these to inspect", path.string()));
}

}  // namespace atelier
