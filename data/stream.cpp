#include "data/stream.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "data/limit.h"
#include "data/open_source.h"
#include "data/pipeline.h"
#include "data/retry.h"
#include "data/saved_stream.h"

namespace atelier {
namespace {

uint64_t pixel_bytes(const Batch& batch) {
  return static_cast<uint64_t>(batch.size) * static_cast<uint64_t>(3 + batch.condition_channels) *
         static_cast<uint64_t>(batch.height) * static_cast<uint64_t>(batch.width);
}

StreamPlan plan_alone(const Config& config, const std::string& saved) {
  StreamPlan plan = plan_stream(config, open_list(config.data, {}));
  return saved.empty() ? plan : resume_stream(config, std::move(plan), saved);
}

}  // namespace

/// The consumer's side: what has been delivered so far, and the pipeline that it comes from.
struct Stream::Consumer {
  std::unique_ptr<Pipeline> pipeline;
  StreamState state;
  SteadyClock::time_point left = SteadyClock::now();  // when next() last returned
  std::mutex mutex;                                   // guards counts
  StreamReport counts;                                // delivered, substituted, deliver and waited

  Consumer(const Config& config, StreamPlan plan, const MakeSource& make_source)
      : pipeline(std::make_unique<Pipeline>(config, std::move(plan), make_source)), state(pipeline->plan().start) {}
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  /// What hangs for good keeps its memory, so that the program can go on to its end.
  ~Consumer() {
    if (!pipeline->retire()) static_cast<void>(pipeline.release());
  }
};

Stream::Stream(const Config& config, StreamPlan plan, const MakeSource& make_source) {
  const MakeSource source = make_source ? make_source : open_source(config.data, plan.manifest);
  consumer_ = std::make_unique<Consumer>(config, std::move(plan), source);
}

Stream::Stream(const Config& config, const std::string& saved) : Stream(config, plan_alone(config, saved)) {}

Stream::~Stream() = default;

Batch Stream::next(const std::stop_token& stop, std::chrono::milliseconds patience) {
  const auto begin = SteadyClock::now();
  std::optional<Delivery> delivery = consumer_->pipeline->next(stop, begin + patience);
  const auto end = SteadyClock::now();
  const std::lock_guard lock(consumer_->mutex);
  consumer_->counts.waited += Seconds(end - begin).count();
  if (consumer_->counts.delivered > 0) {
    consumer_->counts.deliver.busy += Seconds(begin - consumer_->left).count();
    consumer_->counts.deliver.starved += Seconds(end - begin).count();
  }
  consumer_->left = end;
  if (!delivery) return {};
  consumer_->counts.deliver.item.add(Seconds(end - begin).count());
  consumer_->counts.deliver.bytes += pixel_bytes(delivery->batch);
  for (Verdict& verdict : delivery->verdicts) consumer_->state.verdicts.add(std::move(verdict));
  const StreamPlan& made_of = plan();
  consumer_->state.position = std::min(consumer_->state.position + made_of.batch, made_of.end);
  consumer_->counts.delivered += static_cast<uint64_t>(delivery->batch.size);
  consumer_->counts.substituted += delivery->substituted;
  return std::move(delivery->batch);
}

const StreamPlan& Stream::plan() const { return consumer_->pipeline->plan(); }

StreamState Stream::state() const { return consumer_->state; }

Verdicts Stream::ledger() const { return consumer_->pipeline->ledger(); }

StreamReport Stream::report() const {
  StreamReport report = consumer_->pipeline->report();
  const std::lock_guard lock(consumer_->mutex);
  report.delivered = consumer_->counts.delivered;
  report.substituted = consumer_->counts.substituted;
  const StageReport queued = std::exchange(report.deliver, consumer_->counts.deliver);
  report.deliver.waiting = queued.waiting;
  report.deliver.waiting_total = queued.waiting_total;
  report.waited = consumer_->counts.waited;
  report.limit = limit_of(report);
  return report;
}

}  // namespace atelier
