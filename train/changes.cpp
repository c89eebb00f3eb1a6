#include "train/changes.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "configs/utf8.h"

namespace atelier {
namespace {

using nlohmann::json;

/// Those that are dangerous to nobody. Whatever is missing here is dangerous.
constexpr auto kHarmless = std::to_array<std::string_view>(
    {// where things lie; whether the list is the run's is a matter of its contents
     "train.run_dir", "train.resume", "train.init_from", "data.list", "data.accept_list", "data.verify_list",
     "data.cache",
     // how images are fetched and decoded: the ledger, not these, says which ones could not be had
     "data.threads", "data.memory", "data.connections", "data.head", "data.user_agent", "data.credentials",
     "data.netrc", "data.ca_file", "data.proxy", "data.connect_timeout", "data.first_byte_timeout", "data.head_timeout",
     "data.get_timeout", "data.sample_deadline",
     // when a run gives up
     "data.max_failure_rate", "data.outage_limit", "data.stall_limit",
     // how often it is shown and saved
     "train.checkpoint_every", "train.keep_checkpoints", "train.keep_every", "train.sample_every", "train.log_losses",
     // in the identity under names of their own
     "seed", "data.seed"});

/// Kept as they were chosen while a setting says auto or 0; keep_choices compares what they come to.
constexpr auto kChosen =
    std::to_array<std::string_view>({"train.device", "train.micro_batch", "train.precision", "train.threads"});

/// Of one start, and no property of the run.
constexpr auto kOfOneStart =
    std::to_array<std::string_view>({"train.run_dir", "train.resume", "train.init_from", "data.accept_list"});

bool is_in(const auto& names, std::string_view setting) { return std::ranges::find(names, setting) != names.end(); }

bool is_dangerous(std::string_view setting) { return !is_in(kHarmless, setting) && !is_in(kChosen, setting); }

std::vector<Change> changes_of(bool (*kind)(std::string_view), const json& before, const json& now) {
  std::vector<Change> changes;
  json all = before;
  all.update(now);
  for (const auto& [setting, value] : all.items()) {
    if (!kind(setting)) continue;
    const json was = before.value(setting, json()), is = now.value(setting, json());
    if (was != is) changes.push_back({.setting = setting, .before = shown(was), .now = shown(is)});
  }
  return changes;
}

}  // namespace

bool is_harmless(std::string_view setting) { return is_in(kHarmless, setting) && !is_in(kOfOneStart, setting); }

std::vector<Change> dangerous_changes(const json& before, const json& now) {
  return changes_of(is_dangerous, before, now);
}

std::vector<Change> harmless_changes(const json& before, const json& now) {
  return changes_of(is_harmless, before, now);
}

std::vector<Change> changes_at(const std::vector<Change>& changes, uint64_t position) {
  std::vector<Change> there;
  std::ranges::copy_if(changes, std::back_inserter(there),
                       [&](const Change& change) { return change.position == position; });
  return there;
}

std::string describe(const std::vector<Change>& changes) {
  std::vector<std::string> texts;
  for (const Change& change : changes)
    texts.push_back(fmt::format("{} ({} before, {} now)", change.setting, change.before, change.now));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string shown(const json& value) {
  constexpr size_t kMost = 60;
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (value.is_null() || text.empty()) return "nothing";
  if (text.size() <= kMost) return text;
  const std::string cut = text.substr(0, kMost - 3);
  return cut.substr(0, find_invalid_utf8(cut)) + "...";
}

void to_json(json& json, const Change& change) {
  json = {{"position", change.position}, {"setting", change.setting}, {"before", change.before}, {"now", change.now}};
}

void from_json(const json& json, Change& change) {
  change = {.position = json.at("position"),
            .setting = json.at("setting"),
            .before = json.at("before"),
            .now = json.at("now")};
}

}  // namespace atelier
