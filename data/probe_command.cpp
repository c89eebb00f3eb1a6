#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>

#include "configs/console.h"
#include "data/command.h"
#include "data/open_source.h"
#include "data/probe.h"

// atelier-data probe LIST

namespace atelier {
namespace {

constexpr uint64_t kSample = 1000;

std::string progress_line(const ProbeReport& report, double seconds) {
  const auto asked = static_cast<double>(report.asked), left = static_cast<double>(report.planned - report.asked);
  return fmt::format("{} of {} rows asked for, {} alive, failures: {}, {}", grouped(report.asked),
                     grouped(report.planned), grouped(report.alive), faults_text(report.failures),
                     time_left(asked > 0 ? seconds * left / asked : 0));
}

}  // namespace

int run_probe(const Invocation& invocation) {
  const Config& config = invocation.config();
  const uint64_t sample = invocation.number("sample").value_or(kSample);
  const auto manifest = open_list(config.data, invocation.stop);
  const StreamPlan plan = plan_list(invocation, config, manifest);

  Console console;
  const auto begin = std::chrono::steady_clock::now();
  const auto told = [&](const ProbeReport& now) {
    if (!console.progress_due()) return;
    console.progress(
        progress_line(now, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()));
  };
  ProbeReport report = probe(config, plan, sample, with_stores(config.data, manifest, probing_source(config.data)),
                             told, invocation.stop);
  if (!invocation.stop.stop_requested())
    find_repeats(*manifest, report, show_share(console, "looking for repeats", invocation.stop));
  if (!invocation.stop.stop_requested() && invocation.flag("similar"))
    report.lookalikes = find_lookalikes(
        config, *manifest, report.alive_rows, open_source(config.data, manifest, warn_of_cache),
        [&](uint64_t come, uint64_t all) {
          if (console.progress_due())
            console.progress(fmt::format("{} of {} pictures fetched to compare them", grouped(come), grouped(all)));
        },
        show_share(console, "comparing", invocation.stop), invocation.stop);
  console.clear();
  print(invocation.flag("json") ? probe_json(report) + '\n' : probe_text(report));
  return invocation.stop.stop_requested() ? kInterrupted : kGood;
}

}  // namespace atelier
