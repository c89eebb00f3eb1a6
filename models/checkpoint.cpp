#include "models/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <span>
#include <stdexcept>
#include <string_view>

#include "base/files.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kStateFile = "state.json";
constexpr size_t kMaxStateBytes = size_t{64} << 20;
constexpr int kMaxDepth = 32;

[[noreturn]] void refuse(const fs::path& folder, const std::string& why) {
  throw std::invalid_argument(fmt::format("The checkpoint {} cannot be used: {}.", folder.string(), why));
}

[[noreturn]] void refuse_unreadable(const fs::path& folder, const std::runtime_error& error) {
  refuse(folder, fmt::format("it cannot be read ({})", error.what()));
}

/// A name that cannot lead out of the folder.
bool is_plain(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

json read_state(const fs::path& folder) {
  const fs::path path = folder / kStateFile;
  if (!fs::is_regular_file(path)) refuse(folder, "it has no state.json, so its saving was never finished");
  if (fs::file_size(path) > kMaxStateBytes) refuse(folder, "its state.json is too large");
  bool is_deep = false;  // a value is copied and written by recursion
  const auto check = [&](int depth, json::parse_event_t, json&) { return !(is_deep = is_deep || depth > kMaxDepth); };
  json state = json::parse(read_file(path, kMaxStateBytes), check, /*allow_exceptions=*/false);
  if (is_deep) refuse(folder, fmt::format("its state.json nests deeper than {} values", kMaxDepth));
  if (!state.is_object()) refuse(folder, "its state.json is not a JSON object");
  return state;
}

std::string seal_of(json state) {
  state.erase("seal");
  const std::string text = state.dump();
  return sha256_hex(text);
}

}  // namespace

std::string seal_state(json state) {
  state["seal"] = seal_of(state);
  return state.dump(1) + "\n";
}

fs::path checkpoint_folder(const fs::path& run_dir, uint64_t position) {
  return run_dir / "positions" / fmt::format("{:012}", position);
}

std::optional<uint64_t> position_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  uint64_t position = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), position);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (checkpoint_folder({}, position).filename() != name) return std::nullopt;
  return position;
}

std::vector<fs::path> list_sealed_folders(const fs::path& parent) {
  std::vector<std::pair<uint64_t, fs::path>> found;
  if (fs::is_directory(parent)) {
    for (const auto& entry : fs::directory_iterator(parent)) {
      const auto position = position_of(entry.path());
      std::error_code error;  // what cannot be looked at may be sealed: verifying it says what is wrong
      if (position && (fs::exists(entry.path() / kStateFile, error) || error))
        found.emplace_back(*position, entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> folders;
  folders.reserve(found.size());
  for (auto& [position, folder] : found) folders.push_back(std::move(folder));
  return folders;
}

std::vector<fs::path> list_checkpoints(const fs::path& run_dir) { return list_sealed_folders(run_dir / "positions"); }

Checkpoint read_checkpoint(const fs::path& folder, const std::vector<std::string>& needed) try {
  Checkpoint checkpoint{folder, 0, read_state(folder)};
  const json& state = checkpoint.state;
  if (!state.contains("format") || !state["format"].is_number_integer()) refuse(folder, "its state.json has no format");
  if (state["format"] > kCheckpointFormat)
    throw NewerFormat(
        fmt::format("The checkpoint {} was written by a newer version of atelier (format {}; this one reads "
                    "{}): go on with the newer version.",
                    folder.string(), state["format"].dump(), kCheckpointFormat));
  if (state["format"] != kCheckpointFormat)
    refuse(folder, fmt::format("its format is version {}, this program reads version {}", state["format"].dump(),
                               kCheckpointFormat));
  if (state.value("seal", json()) != seal_of(state)) refuse(folder, "its state.json is damaged (its seal differs)");
  if (!state.contains("position") || !state["position"].is_number_unsigned())
    refuse(folder, "its state.json has no position");
  if (!state.contains("files") || !state["files"].is_object()) refuse(folder, "its state.json lists no files");
  checkpoint.position = state["position"].get<uint64_t>();
  if (position_of(folder).value_or(checkpoint.position) != checkpoint.position)
    refuse(folder, fmt::format("it is of position {}", checkpoint.position));
  for (const std::string& name : needed)
    if (!state["files"].contains(name))
      refuse(folder, fmt::format("its state.json lists no {}, as an older version may have left it", name));
  return checkpoint;
} catch (const std::runtime_error& error) {
  refuse_unreadable(folder, error);
}

void verify_file(const Checkpoint& checkpoint, const std::string& name) try {
  const fs::path& folder = checkpoint.folder;
  const json& hash = checkpoint.state.at("files").at(name);
  if (!is_plain(name)) refuse(folder, fmt::format("its state.json names \"{}\", which is not a plain file name", name));
  if (!hash.is_string()) refuse(folder, fmt::format("its state.json has no hash for {}", name));
  if (!fs::is_regular_file(folder / name)) refuse(folder, fmt::format("{} is missing", name));
  if (sha256_file(folder / name) != hash.get<std::string>())
    refuse(folder, fmt::format("{} is damaged (its SHA-256 differs from the one in state.json)", name));
} catch (const std::runtime_error& error) {
  refuse_unreadable(checkpoint.folder, error);
}

Checkpoint verify_checkpoint(const fs::path& folder, const std::vector<std::string>& needed) {
  Checkpoint checkpoint = read_checkpoint(folder, needed);
  for (const auto& [name, hash] : checkpoint.state["files"].items()) verify_file(checkpoint, name);
  return checkpoint;
}

std::optional<Checkpoint> newest_checkpoint(const fs::path& run_dir, std::vector<std::string>& warnings,
                                            const std::vector<std::string>& needed) {
  const auto folders = list_checkpoints(run_dir);
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    try {
      return verify_checkpoint(*folder, needed);
    } catch (const NewerFormat&) {
      throw;
    } catch (const std::invalid_argument& damage) {
      warnings.emplace_back(damage.what());
    }
  }
  return std::nullopt;
}

Checkpoint open_checkpoint(const fs::path& path, std::vector<std::string>& warnings) try {
  if (!fs::exists(path)) throw std::invalid_argument(fmt::format("There is no checkpoint at {}.", path.string()));
  if (fs::exists(path / kStateFile)) return verify_checkpoint(path);
  if (auto newest = newest_checkpoint(path, warnings)) return std::move(*newest);
  throw std::invalid_argument(
      fmt::format("{} holds no good checkpoint: give a run folder, or one of the folders in its positions/{}",
                  path.string(), warnings.empty() ? "." : fmt::format(" (the newest: {})", warnings.front())));
} catch (const fs::filesystem_error& error) {
  throw std::invalid_argument(
      fmt::format("The checkpoint {} cannot be read: {}.", path.string(), error.code().message()));
}

}  // namespace atelier
