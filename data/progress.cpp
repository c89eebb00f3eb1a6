#include "data/progress.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
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
  return rate(static_cast<double>(report.fetch.bytes) / 1e6, seconds);
}

double seconds_left(const StreamReport& report, double seconds, uint64_t total) {
  return seconds * static_cast<double>(total - report.delivered) / static_cast<double>(report.delivered);
}

nlohmann::ordered_json stage_json(const StageReport& stage, double seconds) {
  return {{"busy", stage.busy},
          {"starved", stage.starved},
          {"blocked", stage.blocked},
          {"items", stage.item.count()},
          {"bytes", stage.bytes},
          {"mean", stage.item.mean()},
          {"p50", stage.item.quantile(0.5)},
          {"p95", stage.item.quantile(0.95)},
          {"max", stage.item.max()},
          {"waiting", stage.waiting},
          {"waiting_mean", rate(stage.waiting_total, seconds)}};
}

nlohmann::ordered_json host_json(const HostCounts& host) {
  const auto answers = static_cast<double>(host.images + host.failures);
  return {{"host", host.host},
          {"images", host.images},
          {"bytes", host.bytes},
          {"failures", host.failures},
          {"images_per_second", rate(static_cast<double>(host.images), host.busy)},
          {"mean_wait", rate(host.waited, answers)},
          {"mean_transfer", rate(host.transferring, answers)}};
}

std::string stage_line(const char* name, const StageReport& stage, double seconds) {
  const double all = stage.busy + stage.starved + stage.blocked;
  return fmt::format("{:<8}{:>6.0f}%{:>9.0f}%{:>9.0f}%{:>11}{:>11}{:>11}{:>10.1f}\n", name, 100 * rate(stage.busy, all),
                     100 * rate(stage.starved, all), 100 * rate(stage.blocked, all),
                     duration_text(stage.item.quantile(0.5)), duration_text(stage.item.quantile(0.95)),
                     duration_text(stage.item.max()), rate(stage.waiting_total, seconds));
}

}  // namespace

std::string size_text(double bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  for (; bytes >= 999.5 && unit + 1 < std::size(kUnits); bytes /= 1000) ++unit;
  return fmt::format("{:.3g} {}", bytes, kUnits[unit]);
}

std::string duration_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.1f} ms", seconds * 1e3) : fmt::format("{:.2f} s", seconds);
}

std::string failures_text(const StreamReport& report) { return faults_text(report.failures); }

std::string progress_line(const StreamReport& report, double seconds, uint64_t total) {
  std::string line = grouped(report.delivered);
  if (total > 0) line += fmt::format(" of {}", grouped(total));
  line += " images";
  if (total > 0) line += fmt::format(" ({}%)", std::min<uint64_t>(100, 100 * report.delivered / total));
  line += fmt::format(", {:.1f}/s", images_per_second(report, seconds));
  if (report.delivered > 0 && report.delivered < total) line += ", " + time_left(seconds_left(report, seconds, total));
  line += fmt::format(", waits for {}, {:.1f} MB/s, failures: {}", report.limit.brief,
                      megabytes_per_second(report, seconds), failures_text(report));
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
      "{:.0f}% of the time waiting for data; at most {:.1f} MB in flight\n"
      "           busy no input  no room        p50        p95    longest   waiting\n{}{}{}"
      "{}\n",
      grouped(report.delivered), seconds, images_per_second(report, seconds),
      static_cast<double>(report.fetch.bytes) / 1e6, megabytes_per_second(report, seconds), grouped(report.substituted),
      grouped(report.retries), failures_text(report), requests_text(report.source), 100 * rate(report.waited, seconds),
      static_cast<double>(report.peak_memory) / 1e6, stage_line("fetch", report.fetch, seconds),
      stage_line("decode", report.decode, seconds), stage_line("deliver", report.deliver, seconds),
      report.limit.sentence);
}

std::string summary_json(const StreamReport& report, double seconds) {
  nlohmann::ordered_json hosts = nlohmann::ordered_json::array();
  for (const HostCounts& host : report.hosts) hosts.push_back(host_json(host));
  const nlohmann::ordered_json json = {{"delivered", report.delivered},
                                       {"seconds", seconds},
                                       {"images_per_second", images_per_second(report, seconds)},
                                       {"bytes", report.fetch.bytes},
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
                                       {"limit", report.limit.stage},
                                       {"limit_host", report.limit.host},
                                       {"limit_sentence", report.limit.sentence},
                                       {"network_gives", report.limit.network_gives},
                                       {"decode_gives", report.limit.decode_gives},
                                       {"consumer_takes", report.limit.consumer_takes},
                                       {"peak_memory", report.peak_memory},
                                       {"fetch", stage_json(report.fetch, seconds)},
                                       {"decode", stage_json(report.decode, seconds)},
                                       {"decode_threads", report.decode_threads},
                                       {"deliver", stage_json(report.deliver, seconds)},
                                       {"hosts", hosts}};
  return json.dump();
}

}  // namespace atelier
