#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "configs/console.h"
#include "data/open_source.h"
#include "images/encode.h"
#include "train/command.h"
#include "train/entry_sheet.h"
#include "train/loss_log.h"
#include "train/loss_ranking.h"
#include "train/step_data.h"
#include "train/step_text.h"

// atelier-train data RUN

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostWorst = 1'000;  // tiles of a contact sheet

/// "100" or "100:110"
std::pair<uint64_t, uint64_t> step_range(const std::string& text) {
  const char *at = text.data(), *const end = at + text.size();
  const auto number = [&] {
    uint64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    at = next;
    return error == std::errc() ? value : 0;
  };
  const uint64_t first = number();
  const bool is_range = at != end && *at == ':';
  if (is_range) ++at;
  const uint64_t last = is_range ? number() : first;
  if (at != end || first < 1 || last < first)
    throw std::invalid_argument(
        fmt::format("--step takes a step or a range of them, such as 100 or 100:110, not \"{}\"", text));
  return {first, last};
}

fs::path sheet_file(const Invocation& invocation, const fs::path& run_dir) {
  const fs::path file = invocation.flag("out").value_or(run_dir / "worst.png");
  if (file.extension() != ".png" || fs::is_directory(file) || !fs::is_directory(fs::absolute(file).parent_path()))
    throw std::invalid_argument(fmt::format(
        "--out cannot be {}: name a PNG file, such as worst.png, in a folder that is there", file.string()));
  return file;
}

/// `saved`, with its list.
StepData open_run(const Invocation& invocation, const Resolved& settings, SavedRun saved, Console& console) {
  const DataConfig& data = settings.config.data;
  auto manifest = open_list(data, show_share(console, "reading the list", invocation.stop),
                            [&](const std::string& sentence) { console.warn(sentence); });
  StepData steps(settings, std::move(manifest), std::move(saved),
                 show_share(console, "reading the shapes", invocation.stop));
  console.clear();
  return steps;
}

/// Of sample `index` of a step; none where the step was not logged.
PlayerLosses losses_of(const std::optional<StepLosses>& logged, size_t index) {
  PlayerLosses losses;
  if (!logged) return losses;
  for (const auto& [player, of_samples] : logged->players)
    if (index < of_samples.size()) losses[player] = of_samples[index];
  return losses;
}

void print_step(uint64_t step, const StepData& data, const LoggedLosses& log, bool json) {
  const std::vector<StepSample> samples = data.samples_of(step);
  const uint64_t begin = samples.front().position;
  const auto logged = log.of_step_at(begin);
  if (!json) print(fmt::format("step {}: positions {} to {}\n", step, begin, begin + samples.size() - 1));
  for (size_t i = 0; i < samples.size(); ++i) {
    const PlayerLosses losses = losses_of(logged, i);
    print((json ? sample_json(step, samples[i], losses) : sample_text(samples[i], losses)) + "\n");
  }
}

int print_steps(const Invocation& invocation, const std::string& range, const StepData& data, const LoggedLosses& log) {
  const auto [first, last] = step_range(range);
  data.samples_of(last);  // that all of them can be told, before any is
  for (uint64_t step = first; step <= last; ++step) {
    if (invocation.stop.stop_requested()) return kInterrupted;
    print_step(step, data, log, invocation.flag("json").has_value());
  }
  return kGood;
}

/// What the log says, of the last player: the one that pictures are generated with.
std::vector<EntryLoss> worst_entries(const StepData& data, const LoggedLosses& log, uint64_t count, Console& console,
                                     const std::stop_token& stop) {
  const auto show = show_share(console, "reading the losses", stop);
  LossRanking ranking;
  log.each_between(data.begin(), data.end(), [&](const StepLosses& line) {
    const std::vector<float>& losses = line.players.back().second;
    const std::vector<double> levels = data.noise_levels(line.begin(), losses.size());
    std::vector<SampleLoss> samples;
    for (size_t i = 0; i < losses.size(); ++i)
      samples.push_back(
          {.entry = data.entry_at(line.begin() + i), .loss = losses[i], .noise_level = levels.empty() ? 0 : levels[i]});
    ranking.add(samples);
    show(static_cast<double>(line.position - data.begin()) / static_cast<double>(data.end() - data.begin()));
    return true;
  });
  console.clear();
  return ranking.worst(count);
}

std::vector<EntryPicture> fetch_worst(const Config& config, const StepData& data, const std::vector<EntryLoss>& worst,
                                      Console& console, const std::stop_token& stop) {
  std::vector<uint64_t> entries;
  for (const EntryLoss& each : worst) entries.push_back(each.entry);
  const std::shared_ptr<const Manifest> manifest = data.manifest();
  const MakeSource source = open_source(config.data, manifest, [](const std::string& sentence) {
    Console().warn("the cache is no longer filled: " + sentence);
  });
  const auto pictures = fetch_pictures(
      config, *manifest, entries, source,
      [&](size_t come) { console.progress(fmt::format("{} of {} pictures", come, entries.size())); }, stop);
  console.clear();
  return pictures;
}

int show_worst(const Invocation& invocation, uint64_t count, const fs::path& file, const Config& config,
               const StepData& data, const LoggedLosses& log) {
  Console console;
  const std::vector<EntryLoss> worst = worst_entries(data, log, count, console, invocation.stop);
  if (worst.empty())
    throw std::invalid_argument(
        "No step of this list up to the newest checkpoint has logged losses: --train.log_losses true logs those to "
        "come.");
  const auto pictures = fetch_worst(config, data, worst, console, invocation.stop);
  if (invocation.stop.stop_requested()) return kInterrupted;
  const bool json = invocation.flag("json").has_value();
  if (!json) print(ranking_head() + "\n");
  std::vector<std::pair<std::string, std::string>> captions;
  for (size_t i = 0; i < worst.size(); ++i) {
    const Entry entry = data.manifest()->entry(worst[i].entry);
    print((json ? ranking_json(i + 1, worst[i], entry, pictures[i].failure)
                : ranking_text(i + 1, worst[i], entry, pictures[i].failure)) +
          "\n");
    captions.emplace_back(fmt::format("{}: entry {}", i + 1, worst[i].entry),
                          fmt::format("{:.2f} times its peers", worst[i].relative));
  }
  const std::vector<std::byte> png = encode_png(entry_sheet(pictures, captions));
  publish_file(file, {reinterpret_cast<const char*>(png.data()), png.size()});
  console.say("contact sheet: " + file.string());
  return kGood;
}

}  // namespace

int run_data(const Invocation& invocation) {
  const fs::path run_dir = invocation.positional.at(1);
  const auto step = invocation.flag("step");
  const auto worst = invocation.number("worst", 1, kMostWorst);
  if (step.has_value() == worst.has_value())
    throw std::invalid_argument(
        "data takes one of --step, such as --step 100 or --step 100:110, and --worst, such as --worst 20");
  if (step && invocation.flag("out")) throw std::invalid_argument("--out is for the contact sheet of --worst");
  if (step) step_range(*step);

  Console console;
  std::vector<std::string> warnings;
  SavedRun saved = read_saved_run(run_dir, warnings);
  for (const std::string& warning : warnings) console.warn(warning);
  const fs::path file = step ? fs::path() : sheet_file(invocation, run_dir);
  const Resolved settings = settings_of_run(saved.state, invocation.settings);
  const LoggedLosses log(run_dir);
  if (worst && !log.exist())
    throw std::invalid_argument(fmt::format(
        "{} has no losses.jsonl: --train.log_losses true logs those of the steps to come.", run_dir.string()));
  const StepData data = open_run(invocation, settings, std::move(saved), console);
  return step ? print_steps(invocation, *step, data, log)
              : show_worst(invocation, *worst, file, settings.config, data, log);
}

}  // namespace atelier
