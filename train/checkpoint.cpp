#include "train/checkpoint.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <stdexcept>

#include "base/files.h"
#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"
#include "train/average.h"
#include "train/average_snapshots.h"
#include "train/run_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

using Tensors = std::map<std::string, torch::Tensor>;
using Metadata = std::map<std::string, std::string>;

constexpr uint64_t kHeaderBytes = 160;       // of a tensor in a weights file, beside its name
constexpr uint64_t kStateBytes = 64 * 1024;  // state.json, and what the file system adds to five files

void write_snapshot(const fs::path& folder, const Snapshot& snapshot) {
  nlohmann::json state = snapshot.state;
  const auto seal = [&](const std::string& name, const std::function<void(const WriteBytes&)>& fill) {
    state["files"][name] = write_file(folder / name, fill);
  };
  const auto seal_tensors = [&](const std::string& name, const Tensors& tensors, const Metadata& metadata) {
    seal(name, [&](const WriteBytes& write) { write_tensors({tensors, metadata}, write); });
  };
  const uint64_t position = snapshot.state.value("position", uint64_t{0});
  seal_tensors("model.safetensors", snapshot.model, weights_metadata({snapshot.spec, {}, "raw", position, {}}));
  seal_tensors("ema.safetensors", snapshot.average, average_metadata(snapshot.spec, position, kShortLength));
  seal_tensors("ema-long.safetensors", snapshot.long_average, average_metadata(snapshot.spec, position, kLongLength));
  seal_tensors("optimizer.safetensors", snapshot.optimizer, weights_metadata({snapshot.spec, {}, "", 0, {}}));
  seal("verdicts.jsonl", [&](const WriteBytes& write) { write(snapshot.verdicts); });
  write_file(folder / "state.json", [&](const WriteBytes& write) { write(seal_state(state)); });
}

/// Which step ended at `position`; nothing: none did.
std::optional<uint64_t> step_at(uint64_t position, const std::vector<Segment>& segments) {
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment->position >= position) continue;
    const uint64_t samples = position - segment->position;
    if (segment->batch == 0 || samples % segment->batch != 0) return std::nullopt;
    return segment->step + samples / segment->batch;
  }
  return std::nullopt;
}

bool stays_for_good(const fs::path& folder, const Keep& keep) {
  if (keep.every == 0) return false;
  const auto step = step_at(position_of(folder).value_or(0), keep.segments);
  return step && *step % keep.every == 0;
}

/// What goes when, of the checkpoints up to position `saved`, `newest` stay beside those that stay for good.
std::vector<fs::path> outlived(const fs::path& run_dir, uint64_t saved, size_t newest, const Keep& keep) {
  auto folders = list_checkpoints(run_dir);
  std::erase_if(folders, [&](const fs::path& folder) { return position_of(folder) > saved; });
  folders.resize(folders.size() - std::min(folders.size(), newest));
  std::erase_if(folders, [&](const fs::path& folder) { return stays_for_good(folder, keep); });
  return folders;
}

/// What killed savings left behind.
std::vector<fs::path> list_partial(const fs::path& run_dir) {
  std::vector<fs::path> partial;
  if (fs::is_directory(run_dir / "positions"))
    for (const auto& entry : fs::directory_iterator(run_dir / "positions"))
      if (entry.path().extension() == ".partial") partial.push_back(entry.path());
  return partial;
}

void remove_partial(const fs::path& run_dir) {
  for (const fs::path& folder : list_partial(run_dir)) fs::remove_all(folder);
}

size_t newest_of(const Keep& keep) { return static_cast<size_t>(std::max<int64_t>(keep.newest, 1)); }

uint64_t bytes_of(const Tensors& tensors) {
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes() + name.size() + kHeaderBytes;
  return bytes;
}

uint64_t bytes_in(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code ignored;  // what cannot be measured counts as nothing
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored))
    if (entry.is_regular_file(ignored)) bytes += entry.file_size(ignored);
  return bytes;
}

uint64_t bytes_in(const std::vector<fs::path>& folders) {
  uint64_t bytes = 0;
  for (const fs::path& folder : folders) bytes += bytes_in(folder);
  return bytes;
}

uint64_t free_bytes(const fs::path& run_dir) {
  return fs::space(nearest_there(run_dir)).available + bytes_in(list_partial(run_dir));
}

}  // namespace

void save_checkpoint(const fs::path& run_dir, uint64_t position, const Snapshot& snapshot) {
  fs::create_directories(run_dir / "positions");
  publish_folder(checkpoint_folder(run_dir, position),
                 [&](const fs::path& folder) { write_snapshot(folder, snapshot); });
}

uint64_t checkpoint_bytes(const Snapshot& snapshot) {
  return averages_bytes(snapshot) + bytes_of(snapshot.model) + bytes_of(snapshot.optimizer) + snapshot.verdicts.size() +
         snapshot.state.dump().size() + kStateBytes;
}

uint64_t averages_bytes(const Snapshot& snapshot) {
  return bytes_of(snapshot.average) + bytes_of(snapshot.long_average);
}

Keep keep_of(const TrainConfig& config, const Clock& clock) {
  return {.newest = config.keep_checkpoints,
          .every = static_cast<uint64_t>(config.keep_every * config.checkpoint_every * config.steps_per_epoch),
          .segments = clock.segments()};
}

void prune_checkpoints(const fs::path& run_dir, uint64_t saved, const Keep& keep) {
  for (const fs::path& folder : outlived(run_dir, saved, newest_of(keep), keep)) discard_folder(folder);
  remove_partial(run_dir);
}

Room room_to_begin(const fs::path& run_dir, uint64_t position, const Keep& keep, uint64_t bytes, uint64_t averages) {
  const uint64_t leaving = bytes_in(outlived(run_dir, position, newest_of(keep) - 1, keep));
  return {.needed = std::max(bytes, 2 * bytes - std::min(leaving, 2 * bytes)) + averages, .free = free_bytes(run_dir)};
}

Room room_to_end(const fs::path& run_dir, const Clock& clock, const Keep& keep, uint64_t saves, uint64_t bytes,
                 uint64_t averages) {
  const uint64_t last = clock.step() + clock.steps_left();
  const uint64_t for_good = keep.every > 0 ? last / keep.every - clock.step() / keep.every : 0;
  const uint64_t there = std::min<uint64_t>(saves, newest_of(keep) + for_good + 1);  // one more while it is written
  const uint64_t leaving = bytes_in(outlived(run_dir, clock.position(), 0, keep));
  return {.needed = std::max(bytes, there * bytes - std::min(leaving, there * bytes)) + averages,
          .free = free_bytes(run_dir)};
}

std::string no_room_sentence(const fs::path& run_dir, const Room& room, bool with_averages) {
  return fmt::format(
      "The disk of {} has no room for two more checkpoints{}: {} bytes are needed and {} are free; make room, choose "
      "another train.run_dir{} or a smaller model.",
      run_dir.string(), with_averages ? " and the averages to come" : "", room.needed, room.free,
      with_averages ? ", fewer train.average_snapshots" : "");
}

void make_sure_of_room(const fs::path& run_dir, uint64_t position, const Keep& keep, uint64_t bytes,
                       uint64_t averages) {
  remove_partial(run_dir);
  const Room room = room_to_begin(run_dir, position, keep, bytes, averages);
  if (!room.suffices()) throw std::invalid_argument(no_room_sentence(run_dir, room, averages > 0));
}

}  // namespace atelier
