#include "train/average_snapshots.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"
#include "train/average.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kShorter = "ema.safetensors";
constexpr const char* kLonger = "ema-long.safetensors";

fs::path folder_of(const fs::path& run_dir) { return run_dir / "averages"; }

fs::path folder_of(const fs::path& run_dir, uint64_t position) {
  return folder_of(run_dir) / checkpoint_folder(run_dir, position).filename();
}

/// The averages of one snapshot. Throws std::invalid_argument.
void add_averages(const fs::path& folder, std::vector<KeptAverage>& averages) try {
  const Checkpoint snapshot = verify_checkpoint(folder, {kShorter, kLonger});
  if (snapshot.position == 0)
    throw std::invalid_argument(fmt::format("The averages in {} are of no sample.", folder.string()));
  for (const char* name : {kShorter, kLonger})
    averages.push_back({.file = folder / name,
                        .position = snapshot.position,
                        .exponent = exponent_of_length(snapshot.state.at("lengths").at(name).get<double>())});
} catch (const json::exception& error) {
  throw std::invalid_argument(
      fmt::format("The averages in {} cannot be used: their state.json lacks a length.", folder.string()));
}

}  // namespace

bool average_snapshot_due(const Clock& clock, int64_t count) {
  const auto intervals = static_cast<uint64_t>(count);
  const uint64_t before = clock.position() - clock.batch();
  return before * intervals / clock.total() < clock.position() * intervals / clock.total();
}

uint64_t average_snapshots_left(const Clock& clock, int64_t count) {
  const auto intervals = static_cast<uint64_t>(count);
  const uint64_t position = std::min(clock.position(), clock.total());
  return std::min(intervals - position * intervals / clock.total(), clock.steps_left());
}

std::map<std::string, std::string> average_metadata(const ModelSpec& spec, uint64_t position, double length) {
  return weights_metadata({spec, {}, "average", position, {{"atelier.length", fmt::format("{}", length)}}});
}

void write_average_snapshot(const fs::path& run_dir, uint64_t position, const ModelSpec& spec,
                            const std::map<std::string, torch::Tensor>& shorter,
                            const std::map<std::string, torch::Tensor>& longer) {
  fs::create_directories(folder_of(run_dir));
  publish_folder(folder_of(run_dir, position), [&](const fs::path& folder) {
    json state = {{"format", kCheckpointFormat},
                  {"position", position},
                  {"lengths", {{kShorter, kShortLength}, {kLonger, kLongLength}}}};
    const auto seal = [&](const char* name, const std::map<std::string, torch::Tensor>& tensors, double length) {
      const TensorFile file{tensors, average_metadata(spec, position, length)};
      state["files"][name] = write_file(folder / name, [&](const WriteBytes& write) { write_tensors(file, write); });
    };
    seal(kShorter, shorter, kShortLength);
    seal(kLonger, longer, kLongLength);
    write_file(folder / "state.json", [&](const WriteBytes& write) { write(seal_state(state)); });
  });
}

void cut_average_snapshots(const fs::path& run_dir, uint64_t position) {
  if (!fs::exists(folder_of(run_dir))) return;
  for (const fs::path& folder : list_sealed_folders(folder_of(run_dir)))
    if (position_of(folder) > position) discard_folder(folder);
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(folder_of(run_dir)))
    if (entry.is_directory() && entry.path().extension() == ".partial") gone.push_back(entry.path());
  for (const fs::path& folder : gone) fs::remove_all(folder);
}

std::vector<KeptAverage> list_kept_averages(const fs::path& run_dir, const std::function<void(double share)>& progress,
                                            std::vector<std::string>& warnings) {
  const std::vector<fs::path> folders = list_sealed_folders(folder_of(run_dir));
  std::vector<KeptAverage> averages;
  for (size_t i = 0; i < folders.size(); ++i) {
    progress(static_cast<double>(i) / static_cast<double>(folders.size()));
    try {
      add_averages(folders[i], averages);
    } catch (const std::invalid_argument& error) {
      warnings.emplace_back(error.what());
    }
  }
  return averages;
}

}  // namespace atelier
