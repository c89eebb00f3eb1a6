#include "train/init_from.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"
#include "train/changes.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Names = std::vector<std::string>;

InitSource read_checkpoint(const fs::path& path, std::vector<std::string>& warnings) {
  const Checkpoint checkpoint = open_checkpoint(path, warnings);
  WeightsFile average = load_weights(checkpoint.folder / "ema.safetensors");
  InitSource source{.spec = std::move(average.spec), .tensors = std::move(average.tensors), .origin = {}};
  source.tensors.merge(load_weights(checkpoint.folder / "model.safetensors").tensors);  // those without an average
  source.origin = {{"path", path.string()}, {"position", checkpoint.position}};
  for (const char* name : {"ema.safetensors", "model.safetensors"})
    source.origin["files"][name] = checkpoint.state.at("files").at(name);
  return source;
}

InitSource read_file_of_one_model(const fs::path& path) {
  WeightsFile file = load_weights(path);
  json origin = {{"path", path.string()}, {"position", file.position}};
  origin["files"][path.filename().string()] = sha256_file(path);
  return {.spec = std::move(file.spec), .tensors = std::move(file.tensors), .origin = std::move(origin)};
}

/// Which row of a table of labels comes from which.
struct Rows {
  std::vector<int64_t> to, from;
};

Rows matching_rows(const ModelSpec& own, const ModelSpec& source) {
  Rows rows;
  std::map<std::string, int64_t> there;
  for (size_t row = 0; row < source.labels.size(); ++row) there[source.labels[row]] = static_cast<int64_t>(row);
  for (size_t row = 0; row < own.labels.size(); ++row) {
    const auto found = there.find(own.labels[row]);
    if (found == there.end()) continue;
    rows.to.push_back(static_cast<int64_t>(row));
    rows.from.push_back(found->second);
  }
  rows.to.push_back(static_cast<int64_t>(own.labels.size()));  // "no label" is the last row
  rows.from.push_back(static_cast<int64_t>(source.labels.size()));
  return rows;
}

bool is_table(const std::string& name, const torch::Tensor& tensor, const ModelSpec& spec) {
  return name.ends_with(".label.weight") && tensor.dim() == 2 &&
         tensor.size(0) == static_cast<int64_t>(spec.labels.size()) + 1;
}

Names difference(const Names& of, const Names& without) {
  const std::set<std::string> known(without.begin(), without.end());
  Names rest;
  std::ranges::copy_if(of, std::back_inserter(rest), [&](const std::string& name) { return !known.contains(name); });
  return rest;
}

/// "denoiser.encoder.1.0.attention (4), denoiser.input (2)": tensors by the layer that they belong to.
std::string by_layer(const Names& names) {
  constexpr size_t kMost = 6;
  std::map<std::string, size_t> layers;
  for (const std::string& name : names) ++layers[name.substr(0, name.rfind('.'))];
  Names texts;
  for (const auto& [layer, tensors] : layers)
    if (texts.size() < kMost) texts.push_back(fmt::format("{} ({})", shown(layer), tensors));
  if (layers.size() > kMost) texts.push_back(fmt::format("{} more layers", layers.size() - kMost));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string some(const Names& names) {
  return names.empty() ? "0" : fmt::format("{} ({})", names.size(), shown(fmt::format("{}", fmt::join(names, ", "))));
}

/// Copies what fits; returns how many numbers that were.
int64_t copy_weight(const std::string& name, const torch::Tensor& own, const torch::Tensor& given,
                    const ModelSpec& spec, const InitSource& source, const Rows& rows) {
  const bool table = is_table(name, own, spec) && is_table(name, given, source.spec) && own.size(1) == given.size(1);
  if (!given.is_floating_point() || (!table && own.sizes() != given.sizes())) return 0;
  if (!given.isfinite().all().item<bool>())
    throw std::invalid_argument(fmt::format(
        "train.init_from {} holds numbers in {} that are not finite: its training had diverged; take an older "
        "checkpoint.",
        source.origin.at("path").get<std::string>(), name));
  if (!table) {
    own.copy_(given);
    return own.numel();
  }
  own.index_copy_(0, torch::tensor(rows.to).to(own.device()),
                  given.index_select(0, torch::tensor(rows.from)).to(own.options()));
  return static_cast<int64_t>(rows.to.size()) * own.size(1);
}

[[noreturn]] void refuse_nothing_fits(const InitSource& source, const ModelSpec& spec) {
  if (source.spec.kind == spec.kind && source.spec.channels == spec.channels)
    throw std::invalid_argument(
        fmt::format("Nothing of train.init_from {} fits: none of its tensors has the name of a weight of this run.",
                    source.origin.at("path").get<std::string>()));
  throw std::invalid_argument(fmt::format(
      "Nothing of train.init_from {} fits: it holds weights of {} with {} channels, and this run trains {} with {}.",
      source.origin.at("path").get<std::string>(), source.spec.kind, source.spec.channels, spec.kind, spec.channels));
}

}  // namespace

InitSource read_init_source(const fs::path& path, std::vector<std::string>& warnings) try {
  std::error_code error;
  if (fs::is_directory(path, error)) return read_checkpoint(path, warnings);
  if (!fs::exists(path, error))
    throw std::invalid_argument(fmt::format("There is no run and no weights file at {}.", path.string()));
  return read_file_of_one_model(path);
} catch (const std::invalid_argument& refusal) {
  throw std::invalid_argument(fmt::format("train.init_from: {}", refusal.what()));
}

Inherited inherit_weights(Objective& objective, const InitSource& source) {
  const torch::NoGradGuard no_grad;
  const ModelSpec& spec = objective.spec();
  const Rows rows = matching_rows(spec, source.spec);
  Inherited inherited;
  Names own, given;
  int64_t weights = 0, weights_taken = 0;
  for (const Player& player : objective.players()) {
    for (const auto& [name, tensor] : named_tensors(*player.module, player.name)) own.push_back(name);
    for (const auto& item : player.module->named_parameters()) {
      const std::string name = player.name + "." + item.key();
      const auto found = source.tensors.find(name);
      weights += item.value().numel();
      if (found == source.tensors.end()) continue;
      const int64_t taken = copy_weight(name, item.value(), found->second, spec, source, rows);
      weights_taken += taken;
      if (taken > 0) inherited.taken.push_back(name);
    }
  }
  if (inherited.taken.empty()) refuse_nothing_fits(source, spec);
  for (const auto& [name, tensor] : source.tensors) given.push_back(name);
  std::ranges::sort(inherited.taken);
  inherited.fresh = difference(own, inherited.taken);
  inherited.dropped = difference(given, inherited.taken);
  inherited.labels_fresh = difference(spec.labels, source.spec.labels);
  inherited.labels_taken = difference(spec.labels, inherited.labels_fresh);
  inherited.labels_dropped = difference(source.spec.labels, spec.labels);
  inherited.share = static_cast<double>(weights_taken) / static_cast<double>(weights);
  return inherited;
}

std::vector<std::string> describe(const Inherited& inherited, const InitSource& source) {
  const uint64_t position = source.origin.at("position");
  std::vector<std::string> lines = {fmt::format(
      "weights from {}{}: {} tensors taken ({:.1f} % of this model), {} new, {} dropped",
      source.origin.at("path").get<std::string>(), position > 0 ? fmt::format(" (position {})", position) : "",
      inherited.taken.size(), 100 * inherited.share, inherited.fresh.size(), inherited.dropped.size())};
  if (!inherited.fresh.empty()) lines.push_back("new: " + by_layer(inherited.fresh));
  if (!inherited.dropped.empty()) lines.push_back("dropped: " + by_layer(inherited.dropped));
  if (!inherited.labels_fresh.empty() || !inherited.labels_dropped.empty())
    lines.push_back(fmt::format("labels: {} taken, {} new, {} dropped", some(inherited.labels_taken),
                                some(inherited.labels_fresh), some(inherited.labels_dropped)));
  return lines;
}

json to_json(const Inherited& inherited, const InitSource& source) {
  json json = source.origin;
  json.update(
      {{"taken", inherited.taken},
       {"new", inherited.fresh},
       {"dropped", inherited.dropped},
       {"labels",
        {{"taken", inherited.labels_taken}, {"new", inherited.labels_fresh}, {"dropped", inherited.labels_dropped}}}});
  return json;
}

}  // namespace atelier
