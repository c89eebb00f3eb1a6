#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
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
constexpr uint64_t kBatch = 32;

double guidance_flag(const Invocation& invocation) {
  const std::string text = invocation.flag("guidance").value_or("1");
  char* end = nullptr;
  const double guidance = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0' || !(guidance >= 0 && guidance <= 100))
    throw std::invalid_argument(fmt::format("--guidance takes a number from 0 to 100, not \"{}\"", text));
  return guidance;
}

Sampling sampling_of(const Invocation& invocation, uint64_t seed) {
  const uint64_t steps = invocation.number("steps", 1).value_or(18);
  if (steps > 1'000) throw std::invalid_argument(fmt::format("--steps of a sampler are 1 to 1000, not {}", steps));
  return {.steps = static_cast<int>(steps), .guidance = guidance_flag(invocation), .seed = seed};
}

/// The pictures to compare with, in the order of the seed, as the network makes them: square, whole and not augmented.
StreamPlan plan_of_pictures(Config& config, bool all, uint64_t count, Console& console, const std::stop_token& stop) {
  config.data.shapes = Shapes::kSquare;
  if (all) config.data.held_out = 0;
  const auto manifest = open_list(config.data, show_share(console, "reading the list", stop),
                                  [&](const std::string& sentence) { console.warn(sentence); });
  if (!all && (config.data.held_out <= 0 || manifest->split(config.data.held_out, true).empty()))
    throw std::invalid_argument(
        "the run holds no picture of its list out to compare with (data.held_out): compare with the whole list by "
        "--all, or with that of another list by --data.list");
  StreamPlan plan = plan_stream(config, manifest, /*held_out=*/!all);
  plan.order.mode = OrderMode::kFull;
  plan.augment = false;
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

nlohmann::ordered_json json_of(const Evaluation& found, const TrainedNetwork& network, const Sampling& sampling) {
  return {{"position", network.position},
          {"weights", network.average ? "average" : "raw"},
          {"sha256", network.sha256},
          {"pictures", found.pictures},
          {"features", found.features},
          {"steps", sampling.steps},
          {"guidance", sampling.guidance},
          {"seed", sampling.seed},
          {"fid", found.frechet},
          {"kid", found.kernel},
          {"precision", found.shares.precision},
          {"recall", found.shares.recall}};
}

}  // namespace

int run_evaluate(const Invocation& invocation) {
  const std::string path = invocation.positional.at(1);
  const auto extractor = invocation.flag("features");
  if (!extractor)
    throw std::invalid_argument("evaluate needs --features FILE: a TorchScript network that judges pictures");
  const bool average = wants_average(invocation);
  const uint64_t most = invocation.number("samples", 2).value_or(kMostPictures);

  Console console;
  std::vector<std::string> warnings;
  Config config = settings_of_run(read_saved_run(path, warnings).state, invocation.settings).config;
  const Sampling sampling = sampling_of(invocation, config.seed);
  const StreamPlan plan = plan_of_pictures(config, invocation.flag("all").has_value(), most, console, invocation.stop);

  fix_arithmetic(choose_threads(config.train.threads));
  const torch::Device device = any_device();
  FeatureExtractor features(*extractor, device);
  const TrainedNetwork network = load_network(invocation.flag("checkpoint").value_or(path), average, warnings);
  for (const std::string& warning : warnings) console.warn(warning);
  network.objective->to(device);
  Stream real(config, plan);
  const Evaluation found = evaluate(*network.objective, device, real, static_cast<int64_t>(plan.end), sampling,
                                    features, show_pictures(console, plan.end), invocation.stop);
  console.clear();
  if (found.pictures <= found.features)
    console.warn(
        fmt::format("{} pictures are no more than the {} features: FID is too large by an unknown amount, so "
                    "take more, or go by KID",
                    found.pictures, found.features));
  print(invocation.flag("json") ? json_of(found, network, sampling).dump() + "\n" : text_of(found));
  return kGood;
}

}  // namespace atelier
