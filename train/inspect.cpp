#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "configs/printable.h"
#include "models/checkpoint.h"
#include "models/objective.h"
#include "models/weights_file.h"
#include "train/command.h"
#include "train/run_state.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kShownLabels = 20;

// What is found, as JSON. A fault of a checkpoint is a value here: the others are worth a look all the same.

Json size_of(const fs::path& file) {
  std::error_code error;
  const auto bytes = fs::file_size(file, error);
  return error ? Json() : Json(bytes);
}

/// The network with the number of parameters of each player.
Json describe(const ModelSpec& spec) {
  Json model = nlohmann::json(spec);
  for (const Player& player : make_objective(spec, 0)->players()) {
    int64_t parameters = 0;
    for (const auto& parameter : player.module->parameters()) parameters += parameter.numel();
    model["parameters"][player.name] = parameters;
  }
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

Json describe_checkpoint(const fs::path& folder) {
  Json found{{"path", folder.string()}, {"good", false}};
  if (const auto position = position_of(folder)) found["position"] = *position;
  try {
    const Checkpoint checkpoint = read_checkpoint(folder);
    Json files = Json::array();
    const auto fault = describe_files(checkpoint, files);
    static_cast<void>(run_state_from_json(checkpoint.state));  // throws when a field is not what it should be
    for (const char* field :
         {"position", "step", "total_positions", "segments", "lists", "choices", "skipped", "skips_in_a_row"})
      found[field] = checkpoint.state.at(field);
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
    newest = fs::path(checkpoint.at("path").get<std::string>()) / "model.safetensors";
  }
  if (!newest.empty()) found["model"] = describe(load_weights(newest).spec);
}

Json inspect_folders(const char* what, const fs::path& path, const std::vector<fs::path>& folders) {
  Json checkpoints = Json::array();
  for (const fs::path& folder : folders) checkpoints.push_back(describe_checkpoint(folder));
  Json found{{"what", what}, {"path", path.string()}};
  add_newest(found, checkpoints);
  found["checkpoints"] = std::move(checkpoints);
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

Json inspect(const fs::path& path) {
  if (fs::is_regular_file(path)) return inspect_file(path);
  if (fs::exists(path / "state.json")) return inspect_folders("checkpoint", path, {path});
  if (fs::is_directory(path / "positions")) return inspect_folders("run", path, list_checkpoints(path));
  throw std::invalid_argument(fmt::format(
      "{} is no run folder, no checkpoint and no weights file: give one of these to inspect", path.string()));
}

// The same as text.

std::string row(const char* name, const std::string& text) { return fmt::format("{:<11} {}\n", name, printable(text)); }

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string text_of_model(const Json& model) {
  std::string labels = fmt::format("{}", model.at("labels").size());
  for (size_t i = 0; i < std::min(model.at("labels").size(), kShownLabels); ++i)
    labels += fmt::format("{} {}", i == 0 ? ":" : ",", plain(model.at("labels")[i]));
  if (model.at("labels").size() > kShownLabels) labels += ", ...";
  std::string parameters;
  for (const auto& [player, count] : model.at("parameters").items())
    parameters += fmt::format("{}{} {}", parameters.empty() ? "" : ", ", player, count.dump());
  return row("model", fmt::format("{} at {} pixels, condition {}, {} channels, {} levels, {} blocks",
                                  plain(model.at("kind")), plain(model.at("image_size")), plain(model.at("condition")),
                                  plain(model.at("channels")), plain(model.at("levels")), plain(model.at("blocks")))) +
         row("labels", labels) + row("parameters", parameters);
}

std::string text_of_state(const Json& checkpoint) {
  const auto at = [&](const char* field) { return plain(checkpoint.at(field)); };
  std::string text =
      row("position", fmt::format("{} of {}, step {}", at("position"), at("total_positions"), at("step")));
  for (const Json& segment : checkpoint.at("segments"))
    text += row("segment", fmt::format("from position {}, step {}: batches of {}", plain(segment.at("position")),
                                       plain(segment.at("step")), plain(segment.at("batch"))));
  for (const Json& list : checkpoint.at("lists"))
    text +=
        row("list", fmt::format("from position {}: SHA-256 {}", plain(list.at("position")), plain(list.at("sha256"))));
  for (const auto& [name, value] : checkpoint.at("choices").items())
    text += row("choice", fmt::format("{}: {}", name, plain(value)));
  return text +
         row("skipped", fmt::format("{} updates, {} of them in the last steps", at("skipped"), at("skips_in_a_row")));
}

std::string text_of_files(const Json& checkpoint) {
  std::string text;
  for (const Json& file : checkpoint.at("files"))
    text += row("file", fmt::format("{}, {} bytes, {}", plain(file.at("name")), plain(file.at("bytes")),
                                    file.at("good").get<bool>() ? "its hash holds" : "DAMAGED"));
  return text;
}

std::string text_of_folders(const Json& found) {
  std::string text, newest;
  for (const Json& checkpoint : found.at("checkpoints")) {
    const bool good = checkpoint.at("good").get<bool>();
    const std::string verdict = good ? fmt::format("step {}, good", plain(checkpoint.at("step")))
                                     : fmt::format("DAMAGED: {}", plain(checkpoint.at("fault")));
    text += row("checkpoint", fmt::format("{}, {}", plain(checkpoint.value("position", Json("?"))), verdict));
    if (good || found.at("what") == "checkpoint") {
      newest = checkpoint.contains("step") ? text_of_state(checkpoint) : "";
      if (checkpoint.contains("files")) newest += text_of_files(checkpoint);
    }
  }
  return text + (found.at("model").is_null() ? "" : text_of_model(found.at("model"))) + newest;
}

std::string text_of_file(const Json& found) {
  std::string text = row("bytes", plain(found.at("bytes")));
  if (!found.at("weights").is_null()) text += row("weights", plain(found.at("weights")));
  if (!found.at("position").is_null()) text += row("position", plain(found.at("position")));
  for (const auto& [key, value] : found.at("metadata").items()) text += row("metadata", key + ": " + plain(value));
  return text + text_of_model(found.at("model")) + row("tensors", plain(found.at("tensors")));
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
}

}  // namespace

int run_inspect(const Invocation& invocation) {
  const Json found = inspect(invocation.positional.at(1));
  const bool is_file = found.at("what") == "weights";
  if (invocation.flag("json"))
    print(found.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    print(row(plain(found.at("what")).c_str(), plain(found.at("path"))) +
          (is_file ? text_of_file(found) : text_of_folders(found)));
  if (!is_file && found.at("newest").is_null())
    throw std::runtime_error(fmt::format("{} holds no good checkpoint", plain(found.at("path"))));
  return kGood;
}

}  // namespace atelier
