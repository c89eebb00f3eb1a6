#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

/// What may change while a run is stopped. There are three kinds of settings:
///   another run   what the run's identity holds (RunState): never
///   dangerous     what makes other numbers than the run would have had: only with --accept-changes
///   harmless      where things lie, how they are fetched, what is shown and saved: taken, and named
namespace atelier {

/// A change of a setting; of dangerous ones, as a run keeps it.
struct Change {
  uint64_t position = 0;  ///< from which on
  std::string setting, before, now;
  bool operator==(const Change&) const = default;
};

/// The most changes that a run keeps: the newest.
inline constexpr size_t kMostChanges = 1'000;

/// The dangerous ones between two objects of key -> text; a setting that only one of them has counts, and so does one
/// that nobody has thought of here. What the identity and the Choices compare themselves is left out.
std::vector<Change> dangerous_changes(const nlohmann::json& before, const nlohmann::json& now);

/// The harmless ones; where the run lies and how it is to start are not among them.
std::vector<Change> harmless_changes(const nlohmann::json& before, const nlohmann::json& now);

/// Whether a setting is harmless, and a property of the run.
bool is_harmless(std::string_view setting);

/// Those of `changes` from `position` on.
std::vector<Change> changes_at(const std::vector<Change>& changes, uint64_t position);

/// "train.clip (1 before, 2 now), train.warmup (...)"
std::string describe(const std::vector<Change>& changes);

/// A value as a sentence has it: one line of at most 60 bytes.
std::string shown(const nlohmann::json& value);

void to_json(nlohmann::json& json, const Change& change);
void from_json(const nlohmann::json& json, Change& change);

}  // namespace atelier
