#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

/// The layout of a run folder, as far as whoever reads weights must know it: RUN/positions/NNNNNNNNNNNN/ with
/// state.json written last, which holds the SHA-256 of every other file:
///
///   {"format": 1, "position": 320, "files": {"model.safetensors": "<64 hexadecimal digits>", ...}, ..., "seal": ...}
///
/// Names in "files" are plain file names in the same folder. docs/run-folder.md is the full description.
namespace atelier {

/// "format" of the state.json that this version writes and reads.
inline constexpr int kCheckpointFormat = 1;

/// What a newer version wrote. To pass it over for an older checkpoint would undo that version's work.
struct NewerFormat : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// A sealed checkpoint whose hashes were found right.
struct Checkpoint {
  std::filesystem::path folder;
  uint64_t position = 0;
  nlohmann::json state;  ///< state.json
};

/// The text of state.json: `state` and, under "seal", the SHA-256 of the rest (as compact JSON with sorted keys), so
/// that no field can change unnoticed.
std::string seal_state(nlohmann::json state);

/// positions/NNNNNNNNNNNN of a run.
std::filesystem::path checkpoint_folder(const std::filesystem::path& run_dir, uint64_t position);

/// The position that a folder's name says; nothing: it is not a name that checkpoint_folder gives.
std::optional<uint64_t> position_of(const std::filesystem::path& folder);

/// The folders in `parent` that are named by a position, as checkpoint_folder names them, and hold a state.json, oldest
/// first; nothing is verified.
std::vector<std::filesystem::path> list_sealed_folders(const std::filesystem::path& parent);

/// Those of a run's checkpoints.
std::vector<std::filesystem::path> list_checkpoints(const std::filesystem::path& run_dir);

/// What state.json of every checkpoint names.
inline const std::vector<std::string> kWeightsFiles = {"model.safetensors", "ema.safetensors"};

/// Reads state.json of `folder` and checks its seal, but no other file; `needed` are files that it must name. Throws as
/// verify_checkpoint.
Checkpoint read_checkpoint(const std::filesystem::path& folder, const std::vector<std::string>& needed = kWeightsFiles);

/// Compares the file `name` with its hash in "files" of state.json. Throws as verify_checkpoint.
void verify_file(const Checkpoint& checkpoint, const std::string& name);

/// Reads state.json of `folder` and compares every hash in it. Throws std::invalid_argument, one sentence, when
/// something is missing, damaged or of another format version.
Checkpoint verify_checkpoint(const std::filesystem::path& folder,
                             const std::vector<std::string>& needed = kWeightsFiles);

/// The newest good checkpoint of a run; damaged ones are named in `warnings` and passed over. Nothing: there is none.
/// Throws NewerFormat.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_dir, std::vector<std::string>& warnings,
                                            const std::vector<std::string>& needed = kWeightsFiles);

/// What --checkpoint takes: a run folder (its newest good checkpoint) or one position's folder. Throws
/// std::invalid_argument when neither is there.
Checkpoint open_checkpoint(const std::filesystem::path& path, std::vector<std::string>& warnings);

}  // namespace atelier
