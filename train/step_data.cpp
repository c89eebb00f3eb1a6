#include "train/step_data.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "data/url.h"
#include "models/checkpoint.h"
#include "models/formulation.h"
#include "models/withheld.h"
#include "train/run_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLedger = "verdicts.jsonl";

/// Settings that a run may change, and that decide what is drawn for a sample.
constexpr std::array kDrawn = {"data.flip", "data.brightness", "data.noise", "data.blur", "data.shake", "data.motion"};

/// Where the list lies, and how images are fetched.
bool is_of_fetching(std::string_view setting) {
  return setting.starts_with("data.") && setting != "data.seed" && is_harmless(setting);
}

std::string default_of(const std::string& setting) { return setting_text(Config{}, setting); }

StreamPlan plan_of(const Resolved& settings, std::shared_ptr<const Manifest> manifest, const SavedRun& run,
                   const std::function<void(double)>& progress) {
  const Config& config = settings.config;
  const auto differences = identity_differences(run.state, config, *manifest);
  if (!differences.empty())
    throw std::invalid_argument(
        fmt::format("{} is not what the run has drawn from: {}; restore it, or name the run's list by --data.list.",
                    config.data.list, fmt::join(differences, "; ")));
  StreamPlan plan = plan_stream(config, std::move(manifest), /*held_out=*/false, progress);
  plan = as_resolved(config, std::move(plan), run.state, progress);
  plan.start.verdicts = run.verdicts;
  return plan;
}

}  // namespace

SavedRun read_saved_run(const fs::path& run_dir, std::vector<std::string>& warnings) {
  for (const fs::path& folder : list_checkpoints(run_dir) | std::views::reverse) try {
      const Checkpoint checkpoint = read_checkpoint(folder, {kLedger});
      verify_file(checkpoint, kLedger);
      return {run_state_from_json(checkpoint.state), Verdicts::from_jsonl(read_file(folder / kLedger))};
    } catch (const NewerFormat&) {
      throw;
    } catch (const std::invalid_argument& damage) {
      warnings.emplace_back(damage.what());
    }
  if (warnings.empty()) throw std::invalid_argument(no_run_at(run_dir));
  throw std::invalid_argument(fmt::format("{} has no good checkpoint any more: see the warnings.", run_dir.string()));
}

Resolved settings_of_run(const RunState& state, const Resolved& given) {
  Layer run{"the run", {}}, here{"given", {}};
  for (const auto& [setting, source] : given.sources) {
    const bool is_accepted = setting == "data.accept_list";  // by the run, not by whoever asks
    if (state.settings.contains(setting) && !is_accepted)
      run.values.emplace_back(setting, state.settings[setting].get<std::string>());
    if (source == "default") continue;
    if (is_of_fetching(setting))
      here.values.emplace_back(setting, setting_text(given.config, setting));
    else if (source == "flag")
      throw std::invalid_argument(
          fmt::format("--{} is what it was in the run: leave it out, only where the list lies and how its images are "
                      "fetched may be said anew",
                      setting));
  }
  return resolve({run, here});
}

StepData::StepData(const Resolved& settings, std::shared_ptr<const Manifest> manifest, SavedRun run,
                   const std::function<void(double)>& progress)
    : settings_(settings),
      run_(std::move(run)),
      plan_(plan_of(settings_, std::move(manifest), run_, progress)),
      chooser_(plan_, /*max_failure_rate=*/1) {}  // the longest chains: the run may have allowed them once

std::vector<StepSample> StepData::samples_of(uint64_t step) const {
  if (step > clock().step())
    throw std::invalid_argument(
        fmt::format("The newest good checkpoint is of step {}: what step {} was given can be told once a later one has "
                    "been saved.",
                    clock().step(), step));
  const Segment there = clock().of_step(step);
  if (there.position < begin())
    throw std::invalid_argument(fmt::format(
        "Step {} drew from another list: the run turned to this one at position {}, and only the steps from "
        "there on can be told.",
        step, begin()));
  std::vector<StepSample> samples;
  const Recipe recipe = recipe_at(there.position);
  for (uint64_t i = 0; i < there.batch; ++i) samples.push_back(sample_at(there.position + i, recipe));

  const Config& config = settings_.config;
  if (config.model.kind != Kind::kDiffusion) return samples;
  std::vector<uint64_t> positions(there.batch);
  std::iota(positions.begin(), positions.end(), there.position);
  const Withheld withheld = withhold(describe_model(config, manifest()->labels()), config.seed, positions, torch::kCPU);
  const std::vector<double> levels = noise_levels(there.position, there.batch);
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto n = static_cast<int64_t>(i);
    samples[i].label_withheld = samples[i].label && withheld.labels[n].item<bool>();
    samples[i].condition_withheld = recipe.condition != Condition::kNone && withheld.conditions[n].item<bool>();
    samples[i].noise_level = levels[i];
  }
  return samples;
}

std::vector<double> StepData::noise_levels(uint64_t begin, uint64_t count) const {
  if (settings_.config.model.kind != Kind::kDiffusion) return {};
  std::vector<uint64_t> positions(count);
  std::iota(positions.begin(), positions.end(), begin);
  const torch::Tensor levels = draw_levels(formulation_of(setting_text(settings_.config, "model.objective")),
                                           settings_.config.seed, positions, torch::kCPU)
                                   .contiguous();
  return {levels.data_ptr<float>(), levels.data_ptr<float>() + count};
}

Chooser::Choice StepData::choice_at(uint64_t position) const {
  const auto choice = chooser_.choose(position, 0);
  if (!choice) throw std::runtime_error(fmt::format("The ledger leaves no entry for position {}.", position));
  return *choice;
}

/// As the settings were when the run was at `position`: changes that came later are taken back.
Recipe StepData::recipe_at(uint64_t position) const {
  std::map<std::string, std::string> before;
  for (const Change& change : run_.state.changes | std::views::reverse) {
    if (change.position <= position) break;
    if (std::ranges::find(kDrawn, change.setting) != kDrawn.end())
      before[change.setting] = change.before == shown({}) ? default_of(change.setting) : change.before;
  }
  const Layer layer{"the run's changes", {before.begin(), before.end()}};
  return recipe_of(resolve(settings_, layer).config, plan_.augment);
}

StepSample StepData::sample_at(uint64_t position, const Recipe& recipe) const {
  const auto [attempt, row] = choice_at(position);
  const Entry entry = manifest()->entry(row);
  StepSample sample{.position = position,
                    .entry = row,
                    .attempt = attempt,
                    .ordered = chooser_.row_at(position, 0),
                    .fault = {},
                    .url = without_credentials(entry.url),
                    .label = entry.label,
                    .frame = plan_.frames[chooser_.stratum_of(position).shape],
                    .augmentation = draw_augmentation(recipe.seed, position, recipe.augmenting),
                    .degradation = draw_degradation(recipe.seed, position, recipe.degrading),
                    .noise_level = {}};
  const Verdict* verdict = run_.verdicts.find(sample.ordered);
  if (attempt > 0 && verdict) sample.fault = verdict->fault;
  return sample;
}

}  // namespace atelier
