#include <algorithm>

#include "data/pipeline.h"

// What the pipeline's thread shows of itself, and what others see of that.

namespace atelier {

/// For the watchdog, before the thread does anything that might not end.
void Pipeline::publish_standing() {
  const std::lock_guard lock(report_mutex_);
  standing_.transfers = transfers_;
  standing_.decoding = decoding_;
  if (flights_.empty()) return standing_.oldest.reset();
  const Flight& oldest = flights_.front();
  Standing::Oldest& shown = standing_.oldest ? *standing_.oldest : standing_.oldest.emplace();
  shown.position = oldest.position;
  shown.row = oldest.row;
  shown.state = oldest.state;
  shown.due = oldest.due;
  if (shown.url != oldest.entry.url) shown.url = oldest.entry.url;
}

void Pipeline::publish_report() {
  counts_.memory = held_ + assembly_.bytes_in_use();
  counts_.peak_memory = std::max(counts_.peak_memory, counts_.memory);
  counts_.fetch = stage_clock_.fetch();
  counts_.decode = stage_clock_.decode();
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
  return report_;
}

Verdicts Pipeline::ledger() const {
  const std::lock_guard lock(report_mutex_);
  return ledger_;
}

}  // namespace atelier
