#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <sys/types.h>

/// How far a run is, and whether anybody works on it.
namespace atelier {

/// RUN/status.json with what is true by now. `pid` is the process that trains, or null. `state` is what was written, or
///   starting           somebody trains, and has not written yet
///   running elsewhere  the run is locked by a process that cannot be seen from here
///   killed             nobody trains any more, and nobody has said so
///   not started        there is no status.json
/// Throws std::invalid_argument when there is no run at `run_dir`, std::runtime_error for a file that is damaged.
nlohmann::json run_status(const std::filesystem::path& run_dir);

/// The same from its parts: what status.json holds (an object), `trainer` as trainer_in() has it, and whether RUN/lock
/// is held.
nlohmann::json status_by_now(nlohmann::json written, std::optional<pid_t> trainer, bool locked);

/// For a person, in one line. Numbers that are not finite, or missing, are left out.
std::string status_text(const std::filesystem::path& run_dir, const nlohmann::json& status);

}  // namespace atelier
