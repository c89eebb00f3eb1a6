#include <fmt/format.h>
#include <stdexcept>

#include "data/pipeline.h"

// The consumer's side of the pipeline: taking batches, the watchdog, the end.

namespace atelier {

std::optional<Delivery> Pipeline::next(const std::stop_token& stop, SteadyClock::time_point until) {
  if (taken_ == assembly_.samples())
    throw std::logic_error(fmt::format("the stream has ended: its plan goes to position {}", plan_.end));
  auto before = SteadyClock::now();
  while (!stop.stop_requested()) {
    const bool over = ready_.closed();  // asked first: what was pushed before the end is still delivered
    if (std::optional<Delivery> delivery = ready_.pop_for(std::chrono::milliseconds(50))) {
      --ready_count_;
      taken_ += static_cast<uint64_t>(delivery->batch.size);
      inbox_.push(Wake{});
      watchdog_.rest();
      return delivery;
    }
    if (over) std::rethrow_exception(error_);
    const auto now = SteadyClock::now();
    if (is_stalled(Seconds(now - before).count()))
      throw std::runtime_error(stall_sentence(standing(), at_work_, settings_.stall_limit));
    before = now;
    if (now >= until) break;
  }
  return std::nullopt;
}

/// A sample that waits for its next try stalls nothing. Within an outage tries go on failing, which moves something.
bool Pipeline::is_stalled(double waited) {
  const Standing now = standing();
  const bool backs_off =
      now.oldest && now.oldest->state == Flight::State::kWaiting && now.oldest->due > SteadyClock::now();
  stalled_ = watchdog_.is_stalled(waited, moves_, backs_off);
  return stalled_;
}

bool Pipeline::retire() {
  stopping_ = true;
  inbox_.push(Wake{});
  if (!stalled_ || ended_.get_future().wait_for(kGrace) == std::future_status::ready) return true;
  thread_.detach();
  return false;
}

}  // namespace atelier
