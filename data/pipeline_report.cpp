#include <algorithm>

#include "data/pipeline.h"
#include "data/url.h"

// What the pipeline's thread shows of itself, and what others see of that.

namespace atelier {

/// For the watchdog, before the thread does anything that might not end.
void Pipeline::publish_standing() {
  const std::lock_guard lock(report_mutex_);
  standing_.transfers = transfers_;
  standing_.decoding = decoding_;
  if (flights_.empty()) return standing_.oldest.reset();
  const Flight& oldest = flights_.front();
  OldestSample& shown = standing_.oldest ? *standing_.oldest : standing_.oldest.emplace();
  shown.position = oldest.position;
  if (shown.row != oldest.row || shown.url.empty()) shown.url = without_credentials(oldest.entry.url);
  shown.row = oldest.row;
  shown.state = oldest.state;
  shown.due = oldest.due;
}

/// What the stages do until the next event.
void Pipeline::look_at_stages() {
  const uint64_t local = assembly_.local(), sealed = flights_.empty() ? planned_ : flights_.front().index;
  activity_.transfers = transfers_;
  activity_.decoding = static_cast<uint64_t>(decoding_) + fetched_.size();
  activity_.decode_waits = !fetched_.empty();
  activity_.finished = done_ + sealed % local + ready_count_ * local;
}

/// The last look at its counts, then its end.
void Pipeline::end_source() {
  publish_report();
  std::unique_ptr<Source> source;
  {
    const std::lock_guard lock(report_mutex_);
    last_hosts_ = source_->hosts();
    source = std::move(source_);
  }
}

void Pipeline::publish_report() {
  counts_.memory = memory();
  counts_.peak_memory = std::max(counts_.peak_memory, counts_.memory);
  counts_.fetch = stage_clock_.fetch();
  counts_.decode = stage_clock_.decode();
  counts_.deliver = stage_clock_.deliver();
  counts_.fetch.waiting = activity_.transfers;
  counts_.decode.waiting = activity_.decoding;
  counts_.deliver.waiting = activity_.finished;
  counts_.decode_threads = threads_;
  counts_.source = source_->counts();
  const std::lock_guard lock(report_mutex_);
  report_ = counts_;
}

Standing Pipeline::standing() const {
  const std::lock_guard lock(report_mutex_);
  return standing_;
}

StreamReport Pipeline::report() const {
  const std::lock_guard lock(report_mutex_);
  StreamReport report = report_;
  report.hosts = source_ ? source_->hosts() : last_hosts_;
  return report;
}

Verdicts Pipeline::ledger() const {
  const std::lock_guard lock(report_mutex_);
  return ledger_;
}

}  // namespace atelier
