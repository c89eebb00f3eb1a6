#include "train/compare_runs.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <torch/torch.h>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "train/trace.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

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
  if (sha256_file(straight / file) == sha256_file(resumed / file)) return;
  const auto one = load_tensors(straight / file).tensors, other = load_tensors(resumed / file).tensors;
  size_t differing = 0;
  std::string first;
  for (const auto& [name, tensor] : one) {
    const auto again = other.find(name);
    if (again != other.end() && same_bits(tensor, again->second)) continue;
    if (differing++ == 0)
      first = fmt::format("{} ({})", name,
                          again == other.end() ? "missing in the resumed run" : distance(tensor, again->second));
  }
  found.push_back(differing == 0
                      ? fmt::format("{} has the same tensors in other bytes", file)
                      : fmt::format("{}: {} of {} tensors differ, first {}", file, differing, one.size(), first));
}

void compare_states(const fs::path& straight, const fs::path& resumed, std::vector<std::string>& found) {
  auto one = verify_checkpoint(straight).state, other = verify_checkpoint(resumed).state;
  for (auto* state : {&one, &other})
    if (state->contains("choices"))
      state->at("choices").erase("precision_why");  // how it was measured is no difference
  for (const char* field : {"position", "step", "segments", "identity", "lists", "choices", "scalers", "averaged",
                            "skipped", "skips_in_a_row", "overflows"})
    if (one.value(field, nlohmann::json()) != other.value(field, nlohmann::json()))
      found.push_back(
          fmt::format("state.json: {} is {} straight and {} resumed", field, one[field].dump(), other[field].dump()));
  if (read_file(straight / "verdicts.jsonl") != read_file(resumed / "verdicts.jsonl"))
    found.emplace_back("verdicts.jsonl: the ledgers differ");
}

}  // namespace

std::vector<std::string> differences(const Recorded& straight, const Recorded& resumed) {
  std::vector<std::string> found;
  compare_steps(lines_of(straight.traces), lines_of(resumed.traces), found);
  for (const char* file : {"model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors"})
    compare_tensors(straight.checkpoint, resumed.checkpoint, file, found);
  compare_states(straight.checkpoint, resumed.checkpoint, found);
  return found;
}

}  // namespace atelier
