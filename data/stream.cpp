#include "data/stream.h"

#include <mutex>
#include <stdexcept>
#include <utility>

#include "data/open_source.h"
#include "data/pipeline.h"
#include "data/retry.h"

namespace atelier {
namespace {

OrderMode mode_of(Shuffle shuffle) {
  switch (shuffle) {
    case Shuffle::kFull:
      return OrderMode::kFull;
    case Shuffle::kWindow:
      return OrderMode::kWindow;
    case Shuffle::kNone:
      return OrderMode::kNone;
  }
  return OrderMode::kFull;
}

/// Which stage the consumer waits for, judged by the shares of time since the stream began.
std::string limiting_stage(const StreamReport& report) {
  constexpr double kHardlyWaits = 0.05, kAlwaysBusy = 0.75;
  const auto total = [](const StageTime& stage) { return stage.busy + stage.starved + stage.blocked; };
  if (report.deliver.starved < kHardlyWaits * total(report.deliver)) return "consumer";
  return report.decode.busy > kAlwaysBusy * total(report.decode) ? "decode" : "network";
}

}  // namespace

StreamPlan plan_stream(const Config& config, std::shared_ptr<const Manifest> manifest, bool held_out) {
  const DataConfig& data = config.data;
  if (held_out && data.held_out == 0) {
    throw std::invalid_argument("nothing is held out; set data.held_out to a share of the groups, such as 0.05");
  }
  StreamPlan plan;
  plan.rows = data.held_out > 0 ? manifest->split(data.held_out, held_out) : manifest->rows();
  if (plan.rows.empty()) {
    throw std::invalid_argument("the split of " + data.list + " leaves no rows on one side; change data.held_out");
  }
  plan.batch = static_cast<uint64_t>(config.train.batch_size);
  plan.order = {.seed = config.data_seed(),
                .entries = plan.rows.size(),
                .mode = mode_of(data.shuffle),
                .window = shuffle_window(plan.batch)};
  plan.augment = !held_out;
  plan.manifest = std::move(manifest);
  return plan;
}

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
