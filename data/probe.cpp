#include "data/probe.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "data/ask_all.h"
#include "data/http.h"
#include "data/name_hash.h"
#include "data/open_source.h"
#include "data/row_ranges.h"
#include "data/url.h"

namespace atelier {
namespace {

constexpr double kPatience = 10;  // seconds; whoever does not answer for longer is dead enough
constexpr size_t kAtOnce = 4096;  // questions are small: slow hosts leave room for others
constexpr uint64_t kLookBytes = 1024;
constexpr uint64_t kMostCompared = 10'000'000;
constexpr double kFirstStep = 0.001;  // seconds
constexpr int kStepsPerDecade = 20;

std::string host_of(const std::string& text) {
  const auto url = parse_url(text);
  if (std::holds_alternative<Failure>(url)) return "(no host)";
  return std::get<Url>(url).local ? "(local files)" : std::get<Url>(url).host;
}

using Named = std::vector<std::pair<uint64_t, uint64_t>>;  // hash of a value, row

Repeats repeats_among(Named values) {
  std::erase_if(values, [](const auto& value) { return value.first == 0; });
  std::sort(values.begin(), values.end());
  Repeats repeats;
  for (size_t i = 1, first = 0; i < values.size(); ++i) {
    if (values[i].first != values[first].first) {
      first = i;
      continue;
    }
    if (repeats.rows++ == 0 || values[i].second < repeats.row) {
      repeats.row = values[i].second;
      repeats.first = values[first].second;
    }
  }
  return repeats;
}

}  // namespace

void Latencies::add(double seconds) {
  const double steps = std::ceil(kStepsPerDecade * std::log10(std::max(seconds, kFirstStep) / kFirstStep));
  ++counts_[static_cast<int>(steps)];
  ++size_;
}

double Latencies::quantile(double share) const {
  const auto rank = static_cast<uint64_t>(std::ceil(share * static_cast<double>(size_)));
  uint64_t before = 0;
  for (const auto& [step, count] : counts_) {
    before += count;
    if (before >= rank) return kFirstStep * std::pow(10, static_cast<double>(step) / kStepsPerDecade);
  }
  return 0;
}

void ProbeReport::add(const std::string& host, const Answer& answer) {
  const bool is_known = hosts.contains(host) || hosts.size() < kMostHosts;
  HostReport& its = hosts[is_known ? host : "(other hosts)"];
  const auto* failure = std::get_if<Failure>(&answer.body);
  ++asked;
  ++its.asked;
  by_get += answer.told.by_get ? 1 : 0;
  if (answer.told.bytes >= 0 && (!failure || failure->fault == Fault::kTooLargeByHead)) {
    size_t place = 0;
    for (uint64_t edge = 4096; place + 1 < kSizes && static_cast<uint64_t>(answer.told.bytes) >= edge; edge *= 4)
      ++place;
    ++sizes.at(place);
  }
  if (failure) {
    ++failures.at(static_cast<size_t>(failure->fault));
    ++its.failures.at(static_cast<size_t>(failure->fault));
    return;
  }
  ++alive;
  ++its.alive;
  its.latencies.add(answer.told.seconds);
  const std::string& type = answer.told.type;
  const bool is_local = answer.told.stored || host == "(local files)";
  if (!is_local && !type.starts_with("image/"))
    ++types[type.empty() ? "(none)" : types.contains(type) || types.size() < kMostTypes ? type : "(others)"];
  if (answer.told.bytes < 0) {
    ++without_length;
    return;
  }
  const auto size = static_cast<uint64_t>(answer.told.bytes);
  bytes += size;
  squares += Squares{size} * size;
}

ShareInterval interval_of(uint64_t count, uint64_t asked, uint64_t rows) {
  if (asked == 0) return {0, 1};
  const auto n = static_cast<double>(asked);
  const double share = static_cast<double>(count) / n;
  if (asked >= rows) return {share, share};
  constexpr double z = 1.959964;
  const double centre = (share + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

ShareInterval interval_of(uint64_t count, const ProbeReport& report) {
  return interval_of(count, report.asked, report.rows);
}

Volume volume_of(const ProbeReport& report) {
  const uint64_t told = report.alive - report.without_length;
  if (told == 0) return {};
  const auto n = static_cast<double>(report.asked), rows = static_cast<double>(report.rows);
  const double silent = static_cast<double>(report.alive) / static_cast<double>(told);  // as large as the others
  const double mean = static_cast<double>(report.bytes) / n;
  const double spread = std::sqrt(std::max(0.0, static_cast<double>(report.squares) / n - mean * mean));
  const double half = report.asked == report.rows ? 0 : 1.959964 * spread / std::sqrt(n);
  return {rows * silent * mean, rows * silent * std::max(0.0, mean - half), rows * silent * (mean + half)};
}

MakeSource probing_source(const DataConfig& data) {
  HttpLimits limits = http_limits(data);
  limits.look = kLookBytes;
  return [limits](Source::Handler handler) { return std::make_unique<HttpSource>(limits, std::move(handler)); };
}

ProbeReport probe(const Config& config, const StreamPlan& plan, uint64_t sample, const MakeSource& source,
                  const std::function<void(const ProbeReport&)>& told, const std::stop_token& stop) {
  ProbeReport report;
  report.rows = plan.rows.size();
  report.planned = sample == 0 ? report.rows : std::min(sample, report.rows);
  report.most_bytes = config.data.max_image_size;
  Order order = plan.order;
  order.mode = OrderMode::kFull;
  const auto row_of = [&](uint64_t number) { return plan.rows.at(slot_at(order, number)); };
  const auto url_of = [&](uint64_t number) { return plan.manifest->entry(row_of(number)).url; };
  std::vector<bool> is_alive(report.planned);
  const Patience patience{
      .seed = config.data_seed(), .deadline = std::min(kPatience, config.data.sample_deadline), .at_once = kAtOnce};
  ask_all(
      source, report.planned, patience,
      [&](uint64_t number) { return Request{.ticket = number, .url = url_of(number), .item = {row_of(number)}}; },
      [&](const Outcome& outcome) {
        is_alive[outcome.answer.ticket] = !std::holds_alternative<Failure>(outcome.answer.body);
        const bool is_stored = outcome.answer.told.stored;
        report.add(is_stored ? "(stores)" : host_of(url_of(outcome.answer.ticket)), outcome.answer);
        if (told) told(report);
      },
      stop);
  for (uint64_t number = 0; number < is_alive.size() && report.alive_rows.size() < Lookalikes::kMostPictures; ++number)
    if (is_alive[number]) report.alive_rows.push_back(row_of(number));
  std::sort(report.alive_rows.begin(), report.alive_rows.end());
  return report;
}

void find_repeats(const Manifest& manifest, ProbeReport& report, const std::function<void(double share)>& progress) {
  report.compared = std::min(kMostCompared, manifest.size());
  Named urls(report.compared), hashes(report.compared);
  for_each_range(
      report.compared,
      [&](uint64_t begin, uint64_t end) {
        for (uint64_t row = begin; row < end; ++row) {
          const Entry entry = manifest.entry(row);
          urls[row] = {hash_of(entry.url), row};
          hashes[row] = {entry.sha256 ? hash_of(*entry.sha256) : 0, row};
        }
      },
      progress);
  report.same_url = repeats_among(std::move(urls));
  report.same_sha256 = repeats_among(std::move(hashes));
}

}  // namespace atelier
