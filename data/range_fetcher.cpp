#include "data/range_fetcher.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

#include "data/retry.h"

namespace atelier {

RangeFetcher::RangeFetcher(const HttpLimits& limits, double deadline)
    : deadline_(deadline), source_(limits, [this](Answer answer) { keep(std::move(answer)); }) {}

RangeFetcher::Part RangeFetcher::fetch(const std::string& url, const ByteRange& range) {
  std::optional<SteadyClock::time_point> first_failure;
  for (int tries = 1;; ++tries) {
    Answer answer = ask(url + "#bytes=" + range.text());
    if (const auto* end = std::get_if<std::exception_ptr>(&answer.body)) std::rethrow_exception(*end);
    if (const auto* bytes = std::get_if<std::vector<std::byte>>(&answer.body))
      return {{reinterpret_cast<const char*>(bytes->data()), bytes->size()}, std::move(answer.whole)};

    const Failure& failure = std::get<Failure>(answer.body);
    if (!failure.transient) throw std::invalid_argument(failure.detail);
    const auto now = SteadyClock::now();
    if (!first_failure) first_failure = now;
    if (now - *first_failure > to_clock(deadline_)) throw std::runtime_error(failure.detail);
    const double delay = retry_delay(0, range.first, tries, failure.retry_after);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, to_clock(std::min(delay, deadline_)), [&] { return stopped_; });
  }
}

Answer RangeFetcher::ask(const std::string& url) {
  std::unique_lock lock(mutex_);
  const uint64_t ticket = ++tickets_;
  lock.unlock();
  source_.submit({ticket, url});
  lock.lock();
  changed_.wait(lock, [&] { return stopped_ || answers_.contains(ticket) || answers_.contains(0); });
  if (stopped_) throw std::runtime_error("stopped");
  if (const auto end = answers_.find(0); end != answers_.end()) return end->second;
  return std::move(answers_.extract(ticket).mapped());
}

/// The end of the source itself goes by the ticket 0, which no request has.
void RangeFetcher::keep(Answer answer) {
  const bool is_end = std::holds_alternative<std::exception_ptr>(answer.body);
  const std::lock_guard lock(mutex_);
  const uint64_t ticket = is_end ? 0 : answer.ticket;
  answers_.insert_or_assign(ticket, std::move(answer));
  changed_.notify_all();
}

void RangeFetcher::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace atelier
