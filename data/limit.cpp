#include "data/limit.h"

#include <algorithm>
#include <fmt/format.h>

namespace atelier {
namespace {

double rate(uint64_t images, double seconds) { return seconds > 0 ? static_cast<double>(images) / seconds : 0; }

double total(const StageReport& stage) { return stage.busy + stage.starved + stage.blocked; }

const char* stage_of(const StreamReport& report) {
  constexpr double kHardlyWaits = 0.05, kAlwaysBusy = 0.75;
  if (report.deliver.starved < kHardlyWaits * total(report.deliver)) return "consumer";
  return report.decode.busy + report.decode.blocked > kAlwaysBusy * total(report.decode) ? "decode" : "network";
}

std::string consumer_text(const Limit& limit) {
  if (limit.consumer_takes == 0) return "the consumer takes all there is";
  return fmt::format("the consumer takes {}", rate_text(limit.consumer_takes));
}

/// Who gives the images; with several of them, the one that was waited for most.
std::string network_text(const StreamReport& report, const Limit& limit) {
  if (report.hosts.empty())
    return fmt::format("network: {} images/s come, {}", rate_text(limit.network_gives), consumer_text(limit));
  const HostCounts& slowest = report.hosts.front();
  if (report.hosts.size() == 1)
    return fmt::format("network: {} {} {} images/s, {}", slowest.host,
                       slowest.host.ends_with("files") ? "give" : "gives", rate_text(limit.network_gives),
                       consumer_text(limit));
  const uint64_t answers = std::max<uint64_t>(1, slowest.images + slowest.failures);
  return fmt::format("network: all hosts give {} images/s, {} of them {} after {:.3g} s each, {}",
                     rate_text(limit.network_gives), slowest.host, rate_text(rate(slowest.images, slowest.busy)),
                     slowest.waited / static_cast<double>(answers), consumer_text(limit));
}

std::string decode_text(const StreamReport& report, const Limit& limit) {
  constexpr double kOften = 0.25;
  const double blocked = report.decode.blocked / (report.decode.busy + report.decode.blocked);
  return fmt::format("decode: {} {} give {} images/s{}, {}", report.decode_threads,
                     report.decode_threads == 1 ? "thread" : "threads", rate_text(limit.decode_gives),
                     blocked < kOften ? "" : fmt::format(" ({:.0f}% idle for want of data.memory)", 100 * blocked),
                     consumer_text(limit));
}

std::string sentence_of(const StreamReport& report, const Limit& limit) {
  if (report.delivered == 0) return limit.stage + ": nothing has come yet";
  if (limit.stage == "network") return network_text(report, limit);
  if (limit.stage == "decode") return decode_text(report, limit);
  return fmt::format("consumer: it takes {} images/s, the stream could give {}", rate_text(limit.consumer_takes),
                     rate_text(std::min(limit.network_gives, limit.decode_gives)));
}

/// What is given, and what would be taken if it could be had.
std::string brief_of(const StreamReport& report, const Limit& limit) {
  if (report.delivered == 0) return limit.stage;
  const bool is_consumer = limit.stage == "consumer";
  const double could = limit.stage == "decode" ? limit.decode_gives : limit.network_gives;
  const double gives = is_consumer ? limit.consumer_takes : could;
  const double wanted = is_consumer ? std::min(limit.network_gives, limit.decode_gives) : limit.consumer_takes;
  std::string text = limit.stage;
  if (!limit.host.empty()) text += fmt::format(" ({})", limit.host);
  text += fmt::format(" {}", rate_text(gives));
  if (wanted > 0) text += fmt::format(" of {}", rate_text(wanted));
  return text + "/s";
}

}  // namespace

std::string rate_text(double images) {
  return fmt::format("{:.{}f}", images, images >= 100 ? 0 : images >= 10 ? 1 : 2);
}

Limit limit_of(const StreamReport& report) {
  constexpr double kTakesAll = 0.02;
  Limit limit{.stage = stage_of(report), .host = {}, .sentence = {}, .brief = {}};
  if (limit.stage == "network" && !report.hosts.empty()) limit.host = report.hosts.front().host;
  limit.network_gives = rate(report.fetch.item.count(), report.fetch.busy);
  limit.decode_gives = rate(report.decode.item.count(), report.decode.busy + report.decode.blocked);
  if (report.deliver.busy > kTakesAll * total(report.deliver))
    limit.consumer_takes = rate(report.delivered, report.deliver.busy);
  limit.sentence = sentence_of(report, limit);
  limit.brief = brief_of(report, limit);
  return limit;
}

}  // namespace atelier
