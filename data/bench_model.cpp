#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "data/bench.h"
#include "data/limit.h"
#include "data/progress.h"

// What follows from the measurements, and how it is told.

namespace atelier {
namespace {

double inverse(double cost) { return cost > 0 ? 1 / cost : 0; }

/// Everything grows with the cores but the two threads of which there is one each, and the network.
BenchForecast forecast(const BenchModel& model, const BenchResult& result, int cores) {
  const double cost =
      std::max(result.stream.cpu_per_image(), result.fetch.cpu_per_image() + result.decode_one.cpu_per_image());
  BenchForecast best{.cores = cores, .per_second = cores * inverse(cost), .limit = "cores"};
  const auto bound = [&](double per_second, const char* name) {
    if (per_second > 0 && per_second < best.per_second) best = {cores, per_second, name};
  };
  bound(model.loop_limit, "one libcurl loop");
  bound(model.thread_limit, "one stream thread");
  if (model.network_idles) bound(result.fetch.per_second(), "network");
  return best;
}

std::string line(const std::string& name, const BenchStage& stage) {
  return fmt::format("{:<20}{:>11}{:>14.3f}{:>12}{:>12}\n", name, rate_text(stage.per_second()),
                     1000 * stage.cpu_per_image(), duration_text(stage.item.quantile(0.5)),
                     duration_text(stage.item.quantile(0.95)));
}

nlohmann::ordered_json stage_json(const BenchStage& stage) {
  return {{"images", stage.images},
          {"failures", stage.failures},
          {"seconds", stage.seconds},
          {"images_per_second", stage.per_second()},
          {"cpu_seconds_per_1000", 1000 * stage.cpu_per_image()},
          {"p50", stage.item.quantile(0.5)},
          {"p95", stage.item.quantile(0.95)}};
}

}  // namespace

BenchModel model_of(const BenchResult& result) {
  constexpr double kThreadIsBusy = 0.8;
  BenchModel model;
  const std::array<std::pair<double, const char*>, 3> stages{{{result.list.per_second(), "list"},
                                                              {result.fetch.per_second(), "fetch"},
                                                              {result.decode_all.per_second(), "decode"}}};
  std::tie(model.best, model.limit) = *std::ranges::min_element(stages);
  const double one = result.decode_one.per_second();
  if (one > 0) model.threads = result.fetch.per_second() / one;
  model.loop_limit = inverse(result.fetch.cpu_per_image());
  const double rest = result.stream.cpu_per_image() - result.fetch.cpu_per_image() - result.decode_one.cpu_per_image();
  model.thread_limit = inverse(std::max(rest, result.list.cpu_per_image()));
  model.network_idles = result.fetch.cpu_seconds < kThreadIsBusy * result.fetch.seconds;
  for (int cores = 1; cores <= 64; cores *= 2) model.forecasts.push_back(forecast(model, result, cores));
  return model;
}

std::string bench_text(const BenchResult& result) {
  const BenchModel model = model_of(result);
  std::string text = fmt::format("{:<20}{:>11}{:>14}{:>12}{:>12}\n", "", "images/s", "CPU-s/1,000", "p50", "p95");
  text += line("order and list", result.list) + line("fetch", result.fetch) +
          line("decode, 1 thread", result.decode_one) +
          line(fmt::format("decode, {} thread{}", result.threads, result.threads == 1 ? "" : "s"), result.decode_all) +
          line("the whole stream", result.stream);
  if (result.rows < kFewestImages)
    text += fmt::format(
        "the list has {} row{}: fetch and the whole stream went over it until {} images had come, or the "
        "time was up, and most of them may have come from caches\n",
        result.rows, result.rows == 1 ? "" : "s", kFewestImages);
  text += fmt::format("the slowest stage is {}: at best {} images/s; the whole stream reaches {:.0f}% of that\n",
                      model.limit, rate_text(model.best), 100 * result.stream.per_second() / model.best);
  text += fmt::format("decoding on {:.1f} threads would give what fetch gives\n", model.threads);
  if (model.network_idles)
    text += fmt::format("fetch took {:.0f}% of a core: the network, the servers or the disk held it up\n",
                        100 * result.fetch.cpu_seconds / result.fetch.seconds);
  text += "by these costs, at best:\n";
  for (const BenchForecast& each : model.forecasts)
    text += fmt::format("{:>4} {:<5} {:>9} images/s, limited by {}\n", each.cores, each.cores == 1 ? "core" : "cores",
                        rate_text(each.per_second), each.limit);
  return text;
}

std::string bench_json(const BenchResult& result) {
  const BenchModel model = model_of(result);
  nlohmann::ordered_json forecasts = nlohmann::ordered_json::array();
  for (const BenchForecast& each : model.forecasts)
    forecasts.push_back({{"cores", each.cores}, {"images_per_second", each.per_second}, {"limit", each.limit}});
  const nlohmann::ordered_json json = {{"list", stage_json(result.list)},
                                       {"fetch", stage_json(result.fetch)},
                                       {"decode_one", stage_json(result.decode_one)},
                                       {"decode_all", stage_json(result.decode_all)},
                                       {"stream", stage_json(result.stream)},
                                       {"rows", result.rows},
                                       {"decode_threads", result.threads},
                                       {"best", model.best},
                                       {"limit", model.limit},
                                       {"threads_for_fetch", model.threads},
                                       {"loop_limit", model.loop_limit},
                                       {"thread_limit", model.thread_limit},
                                       {"network_idles", model.network_idles},
                                       {"forecasts", forecasts}};
  return json.dump();
}

}  // namespace atelier
