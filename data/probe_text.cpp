#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "configs/printable.h"
#include "data/probe.h"
#include "data/progress.h"

// A probe's report in words.

namespace atelier {
namespace {

constexpr size_t kWorstHosts = 10, kSlowestHosts = 5, kShownTypes = 10, kBar = 40;
constexpr const char* kSizeNames[ProbeReport::kSizes] = {
    "under 4 KiB", "to 16 KiB", "to 64 KiB", "to 256 KiB", "to 1 MiB", "to 4 MiB", "to 16 MiB", "to 64 MiB", "more"};

using Host = std::pair<std::string, const HostReport*>;

uint64_t failed(const HostReport& host) { return host.asked - host.alive; }

/// The hosts that `take` wants, those with the highest `by` first, then by name.
template <class Take, class By>
std::vector<Host> ranked(const ProbeReport& report, size_t most, Take take, By by) {
  std::vector<Host> hosts;
  for (const auto& [name, host] : report.hosts)
    if (take(host)) hosts.emplace_back(name, &host);
  std::stable_sort(hosts.begin(), hosts.end(),
                   [&](const Host& a, const Host& b) { return by(*a.second) > by(*b.second); });
  hosts.resize(std::min(most, hosts.size()));
  return hosts;
}

std::vector<Host> worst_hosts(const ProbeReport& report) {
  return ranked(
      report, kWorstHosts, [](const HostReport& host) { return failed(host) > 0; }, failed);
}

std::vector<Host> slowest_hosts(const ProbeReport& report) {
  return ranked(
      report, kSlowestHosts, [](const HostReport& host) { return host.latencies.size() > 0; },
      [](const HostReport& host) { return host.latencies.quantile(0.95); });
}

std::vector<std::pair<std::string, uint64_t>> other_types(const ProbeReport& report) {
  std::vector<std::pair<std::string, uint64_t>> types(report.types.begin(), report.types.end());
  std::stable_sort(types.begin(), types.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  types.resize(std::min(kShownTypes, types.size()));
  return types;
}

std::string sizes_text(const ProbeReport& report) {
  const uint64_t most = *std::max_element(report.sizes.begin(), report.sizes.end());
  if (most == 0) return {};
  const Volume volume = volume_of(report);
  std::string text = fmt::format("sizes      all alive rows together: {}", size_text(volume.bytes));
  if (volume.low < volume.high) text += fmt::format(" ({} to {})", size_text(volume.low), size_text(volume.high));
  if (report.without_length > 0) text += fmt::format("; {} told none", grouped(report.without_length));
  text += '\n';
  for (size_t i = 0; i < report.sizes.size(); ++i) {
    const std::string bar((kBar * report.sizes[i] + most - 1) / most, '#');
    text += fmt::format("  {:<12}{:>12}{}{}\n", kSizeNames[i], grouped(report.sizes[i]), bar.empty() ? "" : "  ", bar);
  }
  return text;
}

std::string hosts_text(const ProbeReport& report) {
  std::string text;
  const auto worst = worst_hosts(report);
  if (!worst.empty()) text += fmt::format("hosts      those that failed most, of {}\n", grouped(report.hosts.size()));
  for (const auto& [name, host] : worst)
    text += fmt::format("  {:<40} {:>9} asked {:>9} failed: {}\n", printable(name), grouped(host->asked),
                        grouped(failed(*host)), faults_text(host->failures));
  const auto slowest = slowest_hosts(report);
  if (!slowest.empty()) text += "slowest    seconds for half, for 95 % and for all of the good answers\n";
  for (const auto& [name, host] : slowest)
    text += fmt::format("  {:<40} {:>9.3f} {:>9.3f} {:>9.3f}\n", printable(name), host->latencies.quantile(0.5),
                        host->latencies.quantile(0.95), host->latencies.quantile(1));
  return text;
}

std::string repeats_text(const ProbeReport& report) {
  if (report.compared == 0) return {};
  std::string text = fmt::format("repeats    among the {} {}rows: {} with the url of another", grouped(report.compared),
                                 report.compared < report.rows ? "first " : "", grouped(report.same_url.rows));
  if (report.same_url.rows > 0)
    text += fmt::format(" (row {} has that of {})", report.same_url.row, report.same_url.first);
  text += fmt::format(", {} with the sha256 of another", grouped(report.same_sha256.rows));
  if (report.same_sha256.rows > 0)
    text += fmt::format(" (row {} has that of {})", report.same_sha256.row, report.same_sha256.first);
  return text + '\n';
}

nlohmann::ordered_json json_of(const Repeats& repeats) {
  nlohmann::ordered_json json = {{"rows", repeats.rows}};
  if (repeats.rows > 0) json.update({{"row", repeats.row}, {"first", repeats.first}});
  return json;
}

nlohmann::ordered_json json_of(const std::vector<Host>& hosts) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& [name, host] : hosts)
    all.push_back({{"host", name},
                   {"asked", host->asked},
                   {"alive", host->alive},
                   {"failures", faults_json(host->failures)},
                   {"seconds",
                    {{"p50", host->latencies.quantile(0.5)},
                     {"p95", host->latencies.quantile(0.95)},
                     {"max", host->latencies.quantile(1)}}}});
  return all;
}

}  // namespace

std::string share_text(uint64_t count, uint64_t asked, uint64_t rows) {
  const double share = asked > 0 ? 100 * static_cast<double>(count) / static_cast<double>(asked) : 0;
  if (asked >= rows) return fmt::format("{:5.1f} %", share);
  const ShareInterval interval = interval_of(count, asked, rows);
  return fmt::format("{:5.1f} % ({:.1f} to {:.1f} % of all rows)", share, 100 * interval.low, 100 * interval.high);
}

std::string probe_text(const ProbeReport& report) {
  FaultCounts dead = report.failures;
  const uint64_t too_large = std::exchange(dead.at(static_cast<size_t>(Fault::kTooLargeByHead)), 0);
  const auto share = [&](uint64_t count) { return share_text(count, report.asked, report.rows); };
  std::string text =
      fmt::format("{} of {} rows asked for{}\n", grouped(report.asked), grouped(report.rows),
                  report.asked < report.planned ? fmt::format("; stopped before {}", grouped(report.planned)) : "");
  text += fmt::format("alive      {}\n", share(report.alive));
  text += fmt::format("dead       {}: {}\n", share(report.asked - report.alive - too_large), faults_text(dead));
  text += fmt::format("too large  {}: over {} (data.max_image_size)\n", share(too_large),
                      size_text(static_cast<double>(report.most_bytes)));
  if (report.by_get > 0)
    text += fmt::format("by GET     {}: HEAD was refused or told no length\n", grouped(report.by_get));
  const auto types = other_types(report);
  if (!types.empty()) {
    text += "types      alive, but no image by what they say:";
    for (const auto& [type, count] : types)
      text += fmt::format(" {} {}{}", printable(type), grouped(count), &type == &types.back().first ? "" : ",");
    text += '\n';
  }
  text += sizes_text(report) + hosts_text(report) + repeats_text(report);
  return report.lookalikes ? text + lookalikes_text(*report.lookalikes) : text;
}

std::string probe_json(const ProbeReport& report) {
  const ShareInterval alive = interval_of(report.alive, report);
  const Volume volume = volume_of(report);
  nlohmann::ordered_json types = nlohmann::ordered_json::object();
  for (const auto& [type, count] : other_types(report)) types[type] = count;
  nlohmann::ordered_json sizes = nlohmann::ordered_json::object();
  for (size_t i = 0; i < report.sizes.size(); ++i) sizes[kSizeNames[i]] = report.sizes[i];
  nlohmann::ordered_json json = {{"rows", report.rows},
                                 {"asked", report.asked},
                                 {"alive", report.alive},
                                 {"alive_share", {{"low", alive.low}, {"high", alive.high}}},
                                 {"failures", faults_json(report.failures)},
                                 {"by_get", report.by_get},
                                 {"without_length", report.without_length},
                                 {"bytes", {{"estimate", volume.bytes}, {"low", volume.low}, {"high", volume.high}}},
                                 {"sizes", sizes},
                                 {"other_types", types},
                                 {"hosts", report.hosts.size()},
                                 {"worst_hosts", json_of(worst_hosts(report))},
                                 {"slowest_hosts", json_of(slowest_hosts(report))},
                                 {"compared", report.compared},
                                 {"same_url", json_of(report.same_url)},
                                 {"same_sha256", json_of(report.same_sha256)}};
  if (report.lookalikes) json["similar"] = lookalikes_json(*report.lookalikes);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace atelier
