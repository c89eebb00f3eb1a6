#include "train/checkpoint.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("Cannot write " + path.string() + ": is the disk full?");
}

void write_snapshot(const fs::path& folder, const Snapshot& snapshot) {
  const std::map<std::string, std::string> metadata = {{"format", "pt"},
                                                       {"atelier.spec", nlohmann::json(snapshot.spec).dump()}};
  save_tensors(folder / "model.safetensors", {snapshot.model, metadata});
  save_tensors(folder / "ema.safetensors", {snapshot.average, metadata});
  save_tensors(folder / "ema-long.safetensors", {snapshot.long_average, metadata});
  save_tensors(folder / "optimizer.safetensors", {snapshot.optimizer, metadata});
  write_text(folder / "verdicts.jsonl", snapshot.verdicts);

  nlohmann::json state = snapshot.state;
  for (const char* name :
       {"model.safetensors", "ema.safetensors", "ema-long.safetensors", "optimizer.safetensors", "verdicts.jsonl"})
    state["files"][name] = sha256_file(folder / name);
  write_text(folder / "state.json", seal_state(state));
}

}  // namespace

void save_checkpoint(const fs::path& run_dir, uint64_t position, const Snapshot& snapshot) {
  fs::create_directories(run_dir / "positions");
  publish_folder(checkpoint_folder(run_dir, position),
                 [&](const fs::path& folder) { write_snapshot(folder, snapshot); });
}

void prune_checkpoints(const fs::path& run_dir, uint64_t saved, int64_t keep) {
  auto folders = list_checkpoints(run_dir);
  const auto newest = std::find(folders.begin(), folders.end(), checkpoint_folder(run_dir, saved));
  if (newest != folders.end()) folders.erase(newest + 1, folders.end());
  const auto kept = std::min(folders.size(), static_cast<size_t>(std::max<int64_t>(keep, 1)));
  folders.resize(folders.size() - kept);
  for (const auto& entry : fs::directory_iterator(run_dir / "positions"))
    if (entry.path().extension() == ".partial") folders.push_back(entry.path());
  for (const fs::path& folder : folders) fs::remove_all(folder);
}

}  // namespace atelier
