#include "data/stream.h"

#include <mutex>
#include <stdexcept>
#include <utility>

#include "data/open_source.h"
#include "data/pipeline.h"
#include "data/retry.h"
#include "data/saved_stream.h"

namespace atelier {
namespace {

/// Which stage the consumer waits for, judged by the shares of time since the stream began.
std::string limiting_stage(const StreamReport& report) {
  constexpr double kHardlyWaits = 0.05, kAlwaysBusy = 0.75;
  const auto total = [](const StageTime& stage) { return stage.busy + stage.starved + stage.blocked; };
  if (report.deliver.starved < kHardlyWaits * total(report.deliver)) return "consumer";
  return report.decode.busy > kAlwaysBusy * total(report.decode) ? "decode" : "network";
}

StreamPlan plan_alone(const Config& config, const std::string& saved) {
  StreamPlan plan = plan_stream(config, open_list(config.data, {}));
  return saved.empty() ? plan : resume_stream(config, std::move(plan), saved);
}

}  // namespace

/// The consumer's side: what has been delivered so far, and the pipeline that it comes from.
struct Stream::Consumer {
  Pipeline pipeline;
  StreamState state;
  SteadyClock::time_point left = SteadyClock::now();  // when next() last returned
  std::mutex mutex;                                   // guards counts
  StreamReport counts;                                // delivered, substituted, deliver and waited

  Consumer(const Config& config, StreamPlan plan, const MakeSource& make_source)
      : pipeline(config, std::move(plan), make_source), state(pipeline.plan().start) {}
};

Stream::Stream(const Config& config, StreamPlan plan, const MakeSource& make_source) {
  const MakeSource source = make_source ? make_source : open_source(config.data, plan.manifest);
  consumer_ = std::make_unique<Consumer>(config, std::move(plan), source);
}

Stream::Stream(const Config& config, const std::string& saved) : Stream(config, plan_alone(config, saved)) {}

Stream::~Stream() = default;

Batch Stream::next(const std::stop_token& stop, std::chrono::milliseconds patience) {
  const auto begin = SteadyClock::now();
  std::optional<Delivery> delivery = consumer_->pipeline.next(stop, begin + patience);
  const auto end = SteadyClock::now();
  const std::lock_guard lock(consumer_->mutex);
  consumer_->counts.waited += Seconds(end - begin).count();
  if (consumer_->counts.delivered > 0) {
    consumer_->counts.deliver.busy += Seconds(begin - consumer_->left).count();
    consumer_->counts.deliver.starved += Seconds(end - begin).count();
  }
  consumer_->left = end;
  if (!delivery) return {};
  for (Verdict& verdict : delivery->verdicts) consumer_->state.verdicts.add(std::move(verdict));
  consumer_->state.position += consumer_->pipeline.plan().batch;
  consumer_->counts.delivered += static_cast<uint64_t>(delivery->batch.size);
  consumer_->counts.substituted += delivery->substituted;
  return std::move(delivery->batch);
}

const StreamPlan& Stream::plan() const { return consumer_->pipeline.plan(); }

StreamState Stream::state() const { return consumer_->state; }

Verdicts Stream::ledger() const { return consumer_->pipeline.ledger(); }

StreamReport Stream::report() const {
  StreamReport report = consumer_->pipeline.report();
  const std::lock_guard lock(consumer_->mutex);
  report.delivered = consumer_->counts.delivered;
  report.substituted = consumer_->counts.substituted;
  report.deliver = consumer_->counts.deliver;
  report.waited = consumer_->counts.waited;
  report.limit = limiting_stage(report);
  return report;
}

}  // namespace atelier
