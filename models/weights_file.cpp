#include "models/weights_file.h"

#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "base/files.h"
#include "models/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, std::string>;

constexpr const char* kFormat = "format";  // "pt": as other programs name tensors of PyTorch's layout
constexpr const char* kSpec = "atelier.spec";
constexpr const char* kWeights = "atelier.weights";
constexpr const char* kPosition = "atelier.position";

/// Takes the entry out; empty: there is none.
std::string take(Metadata& metadata, const char* key) {
  const auto entry = metadata.extract(key);
  return entry.empty() ? "" : entry.mapped();
}

ModelSpec read_spec(const fs::path& path, const std::string& text) {
  if (text.empty())
    throw std::invalid_argument(
        fmt::format("{} was not written by Atelier: its metadata has no \"{}\".", path.string(), kSpec));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw std::invalid_argument(fmt::format("The \"{}\" in {} is not JSON.", kSpec, path.string()));
  try {
    return json.get<ModelSpec>();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", path.string(), error.what()));
  }
}

uint64_t read_position(const fs::path& path, std::string_view text) {
  uint64_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size()))
    throw std::invalid_argument(fmt::format("The \"{}\" in {} is no position.", kPosition, path.string()));
  return position;
}

}  // namespace

std::map<std::string, std::string> weights_metadata(const WeightsFile& file) {
  Metadata metadata = file.metadata;
  metadata[kFormat] = "pt";
  metadata[kSpec] = nlohmann::json(file.spec).dump();
  if (!file.weights.empty()) metadata[kWeights] = file.weights;
  if (file.position > 0) metadata[kPosition] = std::to_string(file.position);
  return metadata;
}

void save_weights(const fs::path& path, const WeightsFile& file) {
  if (fs::exists(path))
    throw std::invalid_argument(fmt::format("{} is there already: name another file, or remove it.", path.string()));
  publish_file(path, [&](const WriteBytes& write) { write_tensors({file.tensors, weights_metadata(file)}, write); });
}

WeightsFile load_weights(const fs::path& path) {
  TensorFile read = load_tensors(path);
  WeightsFile file;
  file.spec = read_spec(path, take(read.metadata, kSpec));
  if (file.spec.least_bytes() > fs::file_size(path))  // before memory is taken for it
    throw std::invalid_argument(
        fmt::format("The \"{}\" in {} describes a larger network than the file holds.", kSpec, path.string()));
  file.weights = take(read.metadata, kWeights);
  file.position = read_position(path, take(read.metadata, kPosition));
  take(read.metadata, kFormat);
  file.tensors = std::move(read.tensors);
  file.metadata = std::move(read.metadata);
  return file;
}

}  // namespace atelier
