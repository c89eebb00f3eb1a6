#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "configs/console.h"
#include "configs/printable.h"
#include "data/open_source.h"
#include "data/plan.h"
#include "models/device.h"
#include "models/trained_network.h"
#include "train/command.h"
#include "train/evaluation.h"
#include "train/step_data.h"

// atelier-train evaluate RUN

namespace atelier {
namespace {

constexpr uint64_t kMostPictures = 10'000;  // unless asked for; papers take 10,000 to 50,000
constexpr uint64_t kBatch = 4;              // between looks at Ctrl-C: pictures are generated one by one

double guidance_flag(const Invocation& invocation) {
  const std::string text = invocation.flag("guidance").value_or("1");
  char* end = nullptr;
  const double guidance = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(guidance >= 0 && guidance <= 100))
    throw std::invalid_argument(fmt::format("--guidance takes a number from 0 to 100, not \"{}\"", text));
  return guidance;
}

/// Numbers of the list's labels -> those of the network's.
std::vector<int64_t> numbers_of(const std::vector<std::string>& labels, const std::vector<std::string>& known) {
  std::vector<int64_t> numbers;
  for (const std::string& label : labels) {
    const auto found = std::ranges::find(known, label);
    if (found == known.end())
      throw std::invalid_argument(
          fmt::format("The list has the label \"{}\", which the model does not know: leave its rows out by data.where, "
                      "or name another list.",
                      printable(label)));
    numbers.push_back(found - known.begin());
  }
  return numbers;
}

Sampling sampling_of(const Invocation& invocation, const Config& config, const Manifest& manifest,
                     const ModelSpec& spec) {
  for (const char* flag : {"steps", "guidance"})
    if (spec.kind != "diffusion" && invocation.flag(flag))
      throw std::invalid_argument(fmt::format("--{} has no effect on a {} model: leave it out.", flag, spec.kind));
  return {.steps = static_cast<int>(invocation.number("steps", 1, 1'000).value_or(18)),
          .guidance = guidance_flag(invocation),
          .seed = config.seed,
          .labels = numbers_of(manifest.labels(), spec.labels)};
}

/// The run's settings, but with what is said anew of where the network runs, and of where the list lies.
Config config_of(const SavedRun& saved, const Invocation& invocation) {
  Resolved given = invocation.settings;
  std::vector<std::string> anew;
  for (auto& [setting, source] : given.sources)
    if ((setting == "train.device" || setting == "train.threads") && source != "default") {
      anew.push_back(setting);
      source = "default";
    }
  Resolved settings = settings_of_run(saved.state, given);
  Layer here{"given", {}};
  for (const std::string& setting : anew) here.values.emplace_back(setting, setting_text(invocation.config(), setting));
  return resolve(std::move(settings), here).config;
}

torch::Device device_of(const TrainConfig& train) {
  if (train.device == Device::kCuda) return cuda_device("train.device");
  return train.device == Device::kCpu ? torch::Device(torch::kCPU) : any_device();
}

/// What the pictures of the list are to be like.
void fit_to_model(Config& config, const ModelSpec& spec) {
  if (spec.condition != setting_text(config, "data.condition"))
    throw std::invalid_argument(
        fmt::format("The model takes {} for its input image, and the run has {}: name a model of this run.",
                    spec.condition, setting_text(config, "data.condition")));
  config.data.image_size = spec.image_size;
  config.data.shapes = Shapes::kSquare;
}

/// The pictures to compare with: each once, in the order of the seed.
StreamPlan plan_of_pictures(const Config& config, const std::shared_ptr<const Manifest>& manifest, bool all,
                            uint64_t count) {
  if (!all && (config.data.held_out <= 0 || manifest->split(config.data.held_out, true).empty()))
    throw std::invalid_argument(
        "the run holds no picture of its list out to compare with (data.held_out): compare with the whole list by "
        "--all");
  StreamPlan plan = each_row_once(plan_stream(config, manifest, /*held_out=*/!all));
  plan.batch = kBatch;
  plan.end = std::min(count, plan.order.entries);
  return plan;
}

/// "12 of 400 pictures, 0:01:10 left"
std::function<void(int64_t)> show_pictures(Console& console, uint64_t count) {
  const auto begin = std::chrono::steady_clock::now();
  return [&console, count, begin](int64_t done) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double left = seconds / static_cast<double>(done) * static_cast<double>(count - static_cast<uint64_t>(done));
    console.progress(fmt::format("{} of {} pictures, {}", done, count, time_left(left)));
  };
}

std::string text_of(const Evaluation& found) {
  return fmt::format(
      "pictures   {} real, {} generated; {} features\n"
      "FID        {:.4f}\n"
      "KID        {:.6f}\n"
      "precision  {:.4f}\n"
      "recall     {:.4f}\n",
      found.pictures, found.pictures, found.features, found.frechet, found.kernel, found.shares.precision,
      found.shares.recall);
}

nlohmann::ordered_json json_of(const Evaluation& found, const TrainedNetwork& network, const Sampling& sampling,
                               uint64_t substituted) {
  return {{"position", network.position}, {"weights", network.average ? "average" : "raw"},
          {"sha256", network.sha256},     {"pictures", found.pictures},
          {"substituted", substituted},   {"features", found.features},
          {"steps", sampling.steps},      {"guidance", sampling.guidance},
          {"seed", sampling.seed},        {"fid", found.frechet},
          {"kid", found.kernel},          {"precision", found.shares.precision},
          {"recall", found.shares.recall}};
}

}  // namespace

int run_evaluate(const Invocation& invocation) {
  const std::string path = invocation.positional.at(1);
  const auto extractor = invocation.flag("features");
  if (!extractor)
    throw std::invalid_argument("evaluate needs --features FILE: a TorchScript network that judges pictures");
  const bool average = invocation.flag("weights") != "raw";
  const uint64_t most = invocation.number("samples", 2).value_or(kMostPictures);

  Console console;
  std::vector<std::string> warnings;
  Config config = config_of(read_saved_run(path, warnings), invocation);
  const bool all = invocation.flag("all").has_value();
  if (all) config.data.held_out = 0;
  fix_arithmetic(choose_threads(config.train.threads));
  const torch::Device device = device_of(config.train);
  FeatureExtractor features(*extractor, device);
  const TrainedNetwork network = load_network(invocation.flag("checkpoint").value_or(path), average, warnings);
  for (const std::string& warning : warnings) console.warn(warning);
  fit_to_model(config, network.objective->spec());
  network.objective->to(device);

  const auto manifest = open_list(config.data, show_share(console, "reading the list", invocation.stop),
                                  [&](const std::string& sentence) { console.warn(sentence); });
  const StreamPlan plan = plan_of_pictures(config, manifest, all, most);
  const Sampling sampling = sampling_of(invocation, config, *manifest, network.objective->spec());
  Stream real(config, plan);
  const Evaluation found = evaluate(*network.objective, device, real, static_cast<int64_t>(plan.end), sampling,
                                    features, show_pictures(console, plan.end), invocation.stop);
  console.clear();
  if (const uint64_t others = real.report().substituted; others > 0)
    console.warn(
        fmt::format("{} pictures could not be had, and others stand in for them, so that some count twice: mend "
                    "the list (atelier-data probe says what is wrong), or leave rows out by data.where",
                    others));
  if (found.pictures <= found.features)
    console.warn(
        fmt::format("{} pictures are no more than the {} features: FID is too large by an unknown amount, so "
                    "take more, or go by KID",
                    found.pictures, found.features));
  print(invocation.flag("json") ? json_of(found, network, sampling, real.report().substituted).dump() + "\n"
                                : text_of(found));
  return kGood;
}

}  // namespace atelier
