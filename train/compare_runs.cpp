#include "train/compare_runs.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "models/checkpoint.h"
#include "models/weights.h"
#include "train/trace.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<TraceLine> lines_of(const std::vector<fs::path>& traces) {
  std::vector<TraceLine> all;
  for (const fs::path& trace : traces) {
    const auto lines = read_trace(trace);
    all.insert(all.end(), lines.begin(), lines.end());
  }
  return all;
}

std::string first_other_entry(const TraceLine& straight, const TraceLine& resumed) {
  for (size_t i = 0; i < std::min(straight.entries.size(), resumed.entries.size()); ++i)
    if (straight.entries[i] != resumed.entries[i])
      return fmt::format("position {} is entry {} straight and {} resumed", straight.position + i, straight.entries[i],
                         resumed.entries[i]);
  return fmt::format("{} samples straight and {} resumed", straight.entries.size(), resumed.entries.size());
}

/// Entries and numbers apart: the first step at which each differs.
void compare_steps(const std::vector<TraceLine>& straight, const std::vector<TraceLine>& resumed,
                   std::vector<std::string>& found) {
  bool entries = false, pixels = false, losses = false;
  for (size_t i = 0; i < std::min(straight.size(), resumed.size()); ++i) {
    const TraceLine &one = straight[i], &other = resumed[i];
    if (one.step != other.step) {
      found.push_back(fmt::format("step {} of the straight run is step {} of the resumed one", one.step, other.step));
      return;
    }
    if (!entries && (one.entries != other.entries || one.position != other.position))
      entries = true,
      found.push_back(fmt::format("the entries part at step {}: {}", one.step, first_other_entry(one, other)));
    if (!entries && !pixels && one.pixels != other.pixels)
      pixels = true, found.push_back(fmt::format(
                         "the pixels part at step {}, of the same entries: an image changed at its source, or "
                         "was decoded otherwise",
                         one.step));
    for (const auto& [player, loss] : one.losses) {
      const auto& again = other.losses.at(player);
      if (losses || loss == again) continue;
      losses = true;
      found.push_back(fmt::format("the numbers part at step {}: the loss of {} is {:.9g} straight and {:.9g} resumed",
                                  one.step, player, std::stod(loss), std::stod(again)));
    }
  }
  if (straight.size() != resumed.size())
    found.push_back(fmt::format("{} steps straight and {} resumed", straight.size(), resumed.size()));
}

/// How far two tensors of one shape are apart.
std::string distance(const torch::Tensor& one, const torch::Tensor& other) {
  if (one.sizes() != other.sizes() || one.dtype() != other.dtype()) return "another shape or type";
  const torch::Tensor apart = (one.to(torch::kFloat64) - other.to(torch::kFloat64)).abs();
  return fmt::format("{} of {} numbers, by {:.3g} at most", one.ne(other).sum().item<int64_t>(), one.numel(),
                     apart.max().item<double>());
}

bool same_bits(const torch::Tensor& one, const torch::Tensor& other) {
  return one.sizes() == other.sizes() && one.dtype() == other.dtype() &&
         std::memcmp(one.const_data_ptr(), other.const_data_ptr(), one.nbytes()) == 0;
}

void compare_tensors(const fs::path& straight, const fs::path& resumed, const std::string& file,
                     std::vector<std::string>& found) {
  const auto one = load_tensors(straight).tensors, other = load_tensors(resumed).tensors;
  auto all = one;
  all.insert(other.begin(), other.end());
  size_t differing = 0;
  std::string first;
  for (const auto& [name, ignored] : all) {
    const auto before = one.find(name), now = other.find(name);
    const bool both = before != one.end() && now != other.end();
    if (both && same_bits(before->second, now->second)) continue;
    if (differing++ == 0)
      first = fmt::format("{} ({})", name,
                          both ? distance(before->second, now->second)
                               : fmt::format("only the {} run has it", now == other.end() ? "straight" : "resumed"));
  }
  found.push_back(differing == 0
                      ? fmt::format("{} has the same tensors in other bytes", file)
                      : fmt::format("{}: {} of {} tensors differ, first {}", file, differing, all.size(), first));
}

/// All of state.json but what two equal runs may have each its own: where it lies, how it was told to start, and why a
/// choice, which is compared, came out so. What is in its files is compared there.
json comparable(json state) {
  for (const char* field : {"files", "seal"}) state.erase(field);
  if (state.contains("choices")) state["choices"].erase("precision_why");
  if (state.contains("settings"))
    for (const char* key : {"train.run_dir", "train.resume", "train.precision", "train.micro_batch"})
      state["settings"].erase(key);
  return state;
}

std::string value_text(const json& values, const std::string& path) {
  return values.contains(path) ? values.at(path).dump() : "missing";
}

/// The first value that differs in each field.
void compare_states(const json& straight, const json& resumed, std::vector<std::string>& found) {
  json fields = straight;
  fields.update(resumed);
  for (const auto& [field, ignored] : fields.items()) {
    const json one = json{{field, straight.value(field, json())}}.flatten();
    const json other = json{{field, resumed.value(field, json())}}.flatten();
    json all = one;
    all.update(other);
    for (const auto& [path, value] : all.items()) {
      const std::string before = value_text(one, path), now = value_text(other, path);
      if (before == now) continue;
      found.push_back(fmt::format("state.json: {} is {} straight and {} resumed", path.substr(1), before, now));
      break;
    }
  }
}

/// Every file that either state names.
void compare_files(const Checkpoint& straight, const Checkpoint& resumed, std::vector<std::string>& found) {
  const json &one = straight.state.at("files"), &other = resumed.state.at("files");
  json all = one;
  all.update(other);
  for (const auto& [file, ignored] : all.items()) {
    if (!one.contains(file) || !other.contains(file))
      found.push_back(fmt::format("{}: only the {} run has it", file, one.contains(file) ? "straight" : "resumed"));
    else if (one.at(file) == other.at(file))
      continue;
    else if (file.ends_with(".safetensors"))
      compare_tensors(straight.folder / file, resumed.folder / file, file, found);
    else
      found.push_back(fmt::format("{}: its bytes differ", file));
  }
}

/// The averages that both runs kept.
void compare_averages(const fs::path& straight, const fs::path& resumed, std::vector<std::string>& found) {
  const auto one = list_sealed_folders(straight / "averages"), other = list_sealed_folders(resumed / "averages");
  if (one.size() != other.size())
    found.push_back(fmt::format("averages: {} snapshots straight and {} resumed", one.size(), other.size()));
  for (size_t i = 0; i < std::min(one.size(), other.size()); ++i)
    if (one[i].filename() != other[i].filename())
      found.push_back(fmt::format("averages: position {} straight is {} resumed", one[i].filename().string(),
                                  other[i].filename().string()));
    else
      compare_files(verify_checkpoint(one[i], {}), verify_checkpoint(other[i], {}), found);
}

}  // namespace

std::vector<std::string> differences(const Recorded& straight, const Recorded& resumed) {
  std::vector<std::string> found;
  compare_steps(lines_of(straight.traces), lines_of(resumed.traces), found);
  const Checkpoint one = verify_checkpoint(straight.checkpoint), other = verify_checkpoint(resumed.checkpoint);
  compare_files(one, other, found);
  compare_states(comparable(one.state), comparable(other.state), found);
  const auto run_of = [](const fs::path& checkpoint) { return checkpoint.parent_path().parent_path(); };
  compare_averages(run_of(straight.checkpoint), run_of(resumed.checkpoint), found);
  return found;
}

}  // namespace atelier
