#include "data/progress.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "configs/console.h"
#include "data/fault_counts.h"

namespace atelier {
namespace {

double rate(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

double images_per_second(const StreamReport& report, double seconds) {
  return rate(static_cast<double>(report.delivered), seconds);
}

double megabytes_per_second(const StreamReport& report, double seconds) {
  return rate(static_cast<double>(report.bytes) / 1e6, seconds);
}

double seconds_left(const StreamReport& report, double seconds, uint64_t total) {
  return seconds * static_cast<double>(total - report.delivered) / static_cast<double>(report.delivered);
}

nlohmann::ordered_json stage_json(const StageTime& stage) {
  return {{"busy", stage.busy}, {"starved", stage.starved}, {"blocked", stage.blocked}};
}

}  // namespace

std::string failures_text(const StreamReport& report) { return faults_text(report.failures); }

std::string progress_line(const StreamReport& report, double seconds, uint64_t total) {
  std::string line = grouped(report.delivered);
  if (total > 0) line += fmt::format(" of {}", grouped(total));
  line += " images";
  if (total > 0) line += fmt::format(" ({}%)", std::min<uint64_t>(100, 100 * report.delivered / total));
  line += fmt::format(", {:.1f}/s, {:.1f} MB/s, failures: {}, waits for {}", images_per_second(report, seconds),
                      megabytes_per_second(report, seconds), failures_text(report), report.limit);
  if (report.delivered > 0 && report.delivered < total) line += ", " + time_left(seconds_left(report, seconds, total));
  return line;
}

namespace {

/// What the network was asked, and what was spared.
std::string requests_text(const SourceCounts& source) {
  std::string text;
  if (source.gets > 0)
    text +=
        fmt::format("{} GET and {} HEAD over {} connections; {} images refused by their size, {:.1f} MB not fetched\n",
                    grouped(source.gets), grouped(source.heads), grouped(source.connections), grouped(source.refused),
                    static_cast<double>(source.bytes_refused) / 1e6);
  if (source.stored > 0) text += fmt::format("{} images from the store\n", grouped(source.stored));
  return text;
}

}  // namespace

std::string summary_text(const StreamReport& report, double seconds) {
  return fmt::format(
      "{} images in {:.1f} s ({:.1f}/s), {:.1f} MB ({:.1f} MB/s)\n"
      "{} substituted, {} tried again; failures: {}\n"
      "{}"
      "{:.0f}% of the time waiting for data; the stage that the others wait for: {}; at most {:.1f} MB in flight\n",
      grouped(report.delivered), seconds, images_per_second(report, seconds), static_cast<double>(report.bytes) / 1e6,
      megabytes_per_second(report, seconds), grouped(report.substituted), grouped(report.retries),
      failures_text(report), requests_text(report.source), 100 * rate(report.waited, seconds), report.limit,
      static_cast<double>(report.peak_memory) / 1e6);
}

std::string summary_json(const StreamReport& report, double seconds) {
  const nlohmann::ordered_json json = {{"delivered", report.delivered},
                                       {"seconds", seconds},
                                       {"images_per_second", images_per_second(report, seconds)},
                                       {"bytes", report.bytes},
                                       {"substituted", report.substituted},
                                       {"retries", report.retries},
                                       {"failures", faults_json(report.failures)},
                                       {"heads", report.source.heads},
                                       {"gets", report.source.gets},
                                       {"connections", report.source.connections},
                                       {"refused", report.source.refused},
                                       {"bytes_refused", report.source.bytes_refused},
                                       {"stored", report.source.stored},
                                       {"waited", report.waited},
                                       {"limit", report.limit},
                                       {"peak_memory", report.peak_memory},
                                       {"fetch", stage_json(report.fetch)},
                                       {"decode", stage_json(report.decode)},
                                       {"deliver", stage_json(report.deliver)}};
  return json.dump();
}

}  // namespace atelier
