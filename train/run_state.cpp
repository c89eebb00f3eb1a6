#include "train/run_state.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdexcept>

#include "base/random.h"
#include "configs/settings.h"
#include "data/mix.h"
#include "data/open_source.h"
#include "data/saved_stream.h"
#include "models/checkpoint.h"

namespace atelier {
namespace {

using nlohmann::json;

constexpr const char* kList = "the list's SHA-256";
constexpr const char* kWeights = "the mix's weights";

/// Fields of a model's description that are younger than the oldest runs.
json optional_fields(const ModelSpec& spec) {
  return {{"objective", spec.objective},
          {"condition_dropout", spec.condition_dropout},
          {"min_snr_gamma", spec.min_snr_gamma}};
}

/// Says of a run that is older than these settings what it did.
void name_younger_settings(RunState& state) {
  const json fields = optional_fields({});
  for (const auto& [field, value] : fields.items()) {
    state.identity.emplace("the model's " + field, value);
    state.settings.emplace("model." + field, setting_text({}, "model." + field));
  }
  constexpr const char* kActivations = "train.recompute";
  state.settings.emplace(kActivations, setting_text({}, kActivations));
}

json settings_of(const Config& config) {
  json settings = json::object();
  for (const SettingInfo& setting : list_settings())
    if (!setting.key.starts_with("generate.")) settings[setting.key] = setting_text(config, setting.key);
  return settings;
}

/// What the run has been: of the mix's weights only those that took effect before `position`.
json past_of(json identity, uint64_t position) {
  if (identity.contains(kWeights))
    std::erase_if(identity[kWeights].get_ref<json::array_t&>(),
                  [&](const json& change) { return change.at("position") > 0 && change.at("position") >= position; });
  return identity;
}

/// A clause each.
std::vector<std::string> differences_of(const json& before, const json& now) {
  std::vector<std::string> differences;
  for (const auto& [name, value] : now.items()) {
    const json was = before.value(name, json());
    if (was != value) differences.push_back(fmt::format("{} was {} and is {} now", name, shown(was), shown(value)));
  }
  return differences;
}

void refuse_another_identity(const json& before, const json& now, const std::string& run_dir) {
  for (const auto& [name, value] : now.items())
    if (!before.contains(name) && name != kWeights)
      throw std::invalid_argument(fmt::format(
          "The run in {} was saved by an older version of Atelier, which did not keep {}; go on with that version, or "
          "start a new run with another train.run_dir.",
          run_dir, name));
  const std::vector<std::string> differences = differences_of(before, now);
  if (differences.empty()) return;
  const bool is_list_alone = differences.size() == 1 && before.value(kList, json()) != now.value(kList, json());
  throw std::invalid_argument(fmt::format(
      "The run in {} cannot go on with this: {}; restore it,{} or start a new run with another train.run_dir.", run_dir,
      fmt::join(differences, "; "),
      is_list_alone ? " go on with the list as it is now by --data.accept_list true," : ""));
}

void refuse_changes(const std::vector<Change>& changes, uint64_t position, const std::string& run_dir) {
  throw std::invalid_argument(
      fmt::format("The run in {} was saved with other settings: {}; put them back, or take them from position {} on by "
                  "--accept-changes.",
                  run_dir, describe(changes), position));
}

/// Turns to `manifest` from here on; says so.
std::string accept_list(RunState& state, const Manifest& manifest) {
  const uint64_t position = state.clock.position();
  if (state.lists.back().position == position) state.lists.pop_back();
  state.lists.push_back({.position = position, .sha256 = manifest.sha256()});
  return fmt::format("The list has changed: from position {} on the run draws from this one, of {} rows.", position,
                     manifest.size());
}

uint64_t planned_steps(const TrainConfig& config) {
  return static_cast<uint64_t>(config.epochs) * static_cast<uint64_t>(config.steps_per_epoch);
}

/// Clock and history as `changes` make them; says so.
std::string take_changes(RunState& state, std::vector<Change> changes, const TrainConfig& config) {
  Clock& clock = state.clock;
  clock.change_batch(static_cast<uint64_t>(config.batch_size));
  const auto is_length = [](const Change& change) {
    return change.setting == "train.epochs" || change.setting == "train.steps_per_epoch";
  };
  if (std::ranges::any_of(changes, is_length))
    clock.change_total(clock.position() +
                       (std::max(planned_steps(config), clock.step()) - clock.step()) * clock.batch());
  const std::string sentence = fmt::format("Accepted from position {} on: {}. The run ends at position {}.",
                                           clock.position(), describe(changes), clock.total());
  for (Change& change : changes) {
    change.position = clock.position();
    state.changes.push_back(std::move(change));
  }
  if (state.changes.size() > kMostChanges)
    state.changes.erase(state.changes.begin(), state.changes.end() - kMostChanges);
  return sentence;
}

/// What the parts of a state must be to each other.
void check(const RunState& state) {
  const auto refuse = [](const char* why) {
    throw std::invalid_argument(fmt::format("The run's state.json cannot be used: {}.", why));
  };
  if (state.lists.empty()) refuse("it names no list");
  if (!state.settings.is_object() || !state.identity.is_object()) refuse("its settings or its identity are no object");
  for (const auto& [player, positions] : state.averaged)
    if (positions.first > state.clock.position() || positions.second > state.clock.position())
      refuse("its averages are beyond its position");
}

}  // namespace

ModelSpec describe_model(const Config& config, const std::vector<std::string>& labels) {
  if (labels.size() > ModelSpec::kMostLabels)
    throw std::invalid_argument(
        fmt::format("{} has {} different labels, and a model takes at most {}: a label is a kind, such as chair, not a "
                    "name.",
                    config.data.list, labels.size(), ModelSpec::kMostLabels));
  ModelSpec spec;
  spec.kind = setting_text(config, "model.kind");
  spec.image_size = config.data.image_size;
  spec.condition = setting_text(config, "data.condition");
  spec.labels = labels;
  spec.channels = config.model.channels;
  spec.levels = config.model.levels;
  spec.blocks = config.model.blocks;
  spec.attention_size = config.model.attention_size;
  spec.dropout = config.model.dropout;
  spec.label_dropout = config.model.label_dropout;
  if (config.model.kind == Kind::kDiffusion) {
    spec.objective = setting_text(config, "model.objective");
    spec.condition_dropout = spec.condition_channels() > 0 ? config.model.condition_dropout : 0;
    spec.min_snr_gamma = config.model.min_snr_gamma;
  }
  return spec;
}

json identity_of(const Config& config, const Manifest& manifest) {
  json identity = {{"seed", config.seed},
                   {"data.seed", config.data_seed()},
                   {"the stream's version", kStreamVersion},
                   {kList, manifest.sha256()}};
  for (const char* key : kIdentitySettings) identity[key] = setting_text(config, key);
  identity["the packing of its images"] = image_packing(config.data);
  if (is_mix(config.data.list))
    for (const Weighting& change : read_mix(config.data.list).weightings)
      identity[kWeights].push_back({{"position", change.position}, {"weights", change.weights}});
  const ModelSpec spec = describe_model(config, manifest.labels());
  json model = spec;
  model.update(optional_fields(spec));
  for (const auto& [field, value] : model.items()) identity["the model's " + field] = value;
  return identity;
}

RunState begin_run(const Config& config, const Manifest& manifest, uint64_t window) {
  const auto batch = static_cast<uint64_t>(config.train.batch_size);
  return {.clock = Clock(batch, planned_steps(config.train) * batch),
          .identity = identity_of(config, manifest),
          .lists = {{.position = 0, .sha256 = manifest.sha256()}},
          .choices = make_choices(config, window),
          .settings = settings_of(config)};
}

RunState continue_run(const RunState& saved, const Config& config, const Manifest& manifest, bool accept_changes,
                      std::vector<std::string>& warnings) {
  RunState state = saved;
  state.identity = identity_of(config, manifest);
  const uint64_t position = saved.clock.position();
  json before = past_of(saved.identity, position), now = past_of(state.identity, position);
  if (config.data.accept_list && before[kList] != now[kList]) {
    warnings.push_back(accept_list(state, manifest));
    for (json* identity : {&before, &now})
      for (const char* what : {kList, kWeights}) identity->erase(what);
  }
  refuse_another_identity(before, now, config.train.run_dir);
  state.settings = settings_of(config);
  if (!config.train.init_from.empty() && saved.init_from.value("path", "") != config.train.init_from)
    warnings.emplace_back(
        "train.init_from is for the first start of a run, and this one has begun: it changes nothing.");
  std::vector<Change> changes = dangerous_changes(saved.settings, state.settings);
  state.choices = keep_choices(config, saved.choices, changes, warnings);
  if (state.choices.precision.dtype != saved.choices.precision.dtype)
    state.scalers = json::object();  // they begin anew
  if (!changes.empty() && !accept_changes) refuse_changes(changes, position, config.train.run_dir);
  if (const auto harmless = harmless_changes(saved.settings, state.settings); !harmless.empty())
    warnings.push_back(fmt::format("Settings that make no other numbers have changed: {}.", describe(harmless)));
  if (!changes.empty()) warnings.push_back(take_changes(state, std::move(changes), config.train));
  return state;
}

std::vector<std::string> identity_differences(const RunState& saved, const Config& config, const Manifest& manifest) {
  const uint64_t position = saved.clock.position();
  return differences_of(past_of(saved.identity, position), past_of(identity_of(config, manifest), position));
}

StreamPlan as_resolved(const Config& config, StreamPlan plan, const RunState& state,
                       const std::function<void(double)>& progress) {
  if (plan.has_shapes()) plan = with_block(config, std::move(plan), state.clock.segments().front().batch, progress);
  plan.order.window = state.choices.window;
  plan.origin = state.lists.back().position;
  return plan;
}

void to_json(json& json, const ListSpan& span) { json = {{"position", span.position}, {"sha256", span.sha256}}; }

void from_json(const json& json, ListSpan& span) {
  span = {.position = json.at("position"), .sha256 = json.at("sha256")};
}

json to_json(const RunState& state) {
  json json = state.clock.to_json();
  json.update({{"format", kCheckpointFormat},
               {"identity", state.identity},
               {"lists", state.lists},
               {"choices", state.choices},
               {"settings", state.settings},
               {"changes", state.changes},
               {"init_from", state.init_from},
               {"scalers", state.scalers},
               {"averaged", state.averaged},
               {"skipped", state.skipped},
               {"skips_in_a_row", state.skips_in_a_row},
               {"overflows", state.overflows}});
  return json;
}

RunState run_state_from_json(const json& json) try {
  RunState state{.clock = Clock::from_json(json),
                 .identity = json.at("identity"),
                 .lists = json.at("lists").get<std::vector<ListSpan>>(),
                 .choices = json.at("choices").get<Choices>(),
                 .settings = json.at("settings"),
                 .changes = json.value("changes", std::vector<Change>()),
                 .init_from = json.value("init_from", nlohmann::json::object()),
                 .scalers = json.at("scalers"),
                 .averaged = json.at("averaged").get<decltype(RunState::averaged)>(),
                 .skipped = json.at("skipped"),
                 .skips_in_a_row = json.at("skips_in_a_row"),
                 .overflows = json.value("overflows", uint64_t{0})};
  check(state);
  name_younger_settings(state);
  return state;
} catch (const nlohmann::json::out_of_range& error) {
  throw std::invalid_argument(fmt::format(
      "The run's state.json is of an older version of Atelier and lacks what this one needs ({}); go on with "
      "that version, or start a new run with another train.run_dir.",
      error.what()));
} catch (const nlohmann::json::exception& error) {
  throw std::invalid_argument(std::string("The run's state.json cannot be read: ") + error.what() + ".");
}

}  // namespace atelier
