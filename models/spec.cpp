#include "models/spec.h"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace atelier {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const char* field, const std::string& why) {
  throw std::invalid_argument(fmt::format("The model's description cannot be used: {} {}.", field, why));
}

const json& member(const json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end()) refuse(field, "is missing");
  return *found;
}

int integer(const json& object, const char* field, int low, int high) {
  const json& value = member(object, field);
  if (!value.is_number_integer()) refuse(field, "is not an integer");
  // An unsigned number above the signed range would wrap.
  const bool huge = value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(high);
  if (huge || value.get<int64_t>() < low || value.get<int64_t>() > high)
    refuse(field, fmt::format("is {}, outside {}..{}", value.dump(), low, high));
  return value.get<int>();
}

double number(const json& object, const char* field) {
  const json& value = member(object, field);
  if (!value.is_number()) refuse(field, "is not a number");
  return value.get<double>();
}

double share(const json& object, const char* field) {
  const double read = number(object, field);
  if (!(read >= 0 && read < 1))
    refuse(field, fmt::format("is {}, outside 0..1 (1 excluded)", member(object, field).dump()));
  return read;
}

double gamma(const json& object, const char* field) {
  const double read = number(object, field);
  if (!(read >= 0 && read <= ModelSpec::kMostGamma))
    refuse(field, fmt::format("is {}, outside 0..{}", member(object, field).dump(), ModelSpec::kMostGamma));
  return read;
}

std::string choice(const json& object, const char* field, const std::vector<std::string>& choices) {
  const json& value = member(object, field);
  if (!value.is_string()) refuse(field, "is not a text");
  auto text = value.get<std::string>();
  if (std::find(choices.begin(), choices.end(), text) == choices.end())
    refuse(field, fmt::format("is \"{}\", not one of {}", text, fmt::join(choices, ", ")));
  return text;
}

std::vector<std::string> read_labels(const json& object) {
  const json& value = member(object, "labels");
  if (!value.is_array()) refuse("labels", "is not a list");
  if (value.size() > ModelSpec::kMostLabels)
    refuse("labels", fmt::format("has more than {} entries", ModelSpec::kMostLabels));
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (const json& label : value) {
    if (!label.is_string()) refuse("labels", "holds something that is not a text");
    labels.push_back(label.get<std::string>());
    if (!seen.insert(labels.back()).second) refuse("labels", fmt::format("holds \"{}\" twice", labels.back()));
  }
  return labels;
}

}  // namespace

void to_json(json& json, const ModelSpec& spec) {
  json = {{"kind", spec.kind},           {"image_size", spec.image_size},
          {"condition", spec.condition}, {"labels", spec.labels},
          {"channels", spec.channels},   {"levels", spec.levels},
          {"blocks", spec.blocks},       {"attention_size", spec.attention_size},
          {"dropout", spec.dropout},     {"label_dropout", spec.label_dropout}};
  const ModelSpec plain;
  if (spec.objective != plain.objective) json["objective"] = spec.objective;
  if (spec.condition_dropout != plain.condition_dropout) json["condition_dropout"] = spec.condition_dropout;
  if (spec.min_snr_gamma != plain.min_snr_gamma) json["min_snr_gamma"] = spec.min_snr_gamma;
}

void from_json(const json& json, ModelSpec& spec) {
  if (!json.is_object()) throw std::invalid_argument("The model's description cannot be used: it is not an object.");
  ModelSpec read;
  read.kind = choice(json, "kind", {"diffusion", "pix2pix"});
  read.image_size = integer(json, "image_size", 8, 4096);
  read.condition = choice(json, "condition", {"none", "outline", "file"});
  read.labels = read_labels(json);
  read.channels = integer(json, "channels", 1, 4096);
  read.levels = integer(json, "levels", 1, 16);
  read.blocks = integer(json, "blocks", 1, 64);
  read.attention_size = integer(json, "attention_size", 0, 4096);
  read.dropout = share(json, "dropout");
  read.label_dropout = share(json, "label_dropout");
  if (json.contains("objective")) read.objective = choice(json, "objective", {"edm", "flow"});
  if (json.contains("condition_dropout")) read.condition_dropout = share(json, "condition_dropout");
  if (json.contains("min_snr_gamma")) read.min_snr_gamma = gamma(json, "min_snr_gamma");
  // A field that is not known here shapes a network that cannot be built here.
  nlohmann::json known(read);
  for (const char* optional : {"objective", "condition_dropout", "min_snr_gamma"}) known.emplace(optional, nullptr);
  for (const auto& item : json.items())
    if (!known.contains(item.key())) refuse(item.key().c_str(), "is not known to this version");
  spec = std::move(read);
}

}  // namespace atelier
