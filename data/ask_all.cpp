#include "data/ask_all.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>

#include "data/channel.h"
#include "data/retry.h"

namespace atelier {
namespace {

constexpr size_t kMostWaiting = 100'000;  // for another try; when there are more, no new ones are asked
constexpr auto kTick = std::chrono::milliseconds(100);

class Round {
 public:
  Round(const MakeSource& make_source, uint64_t count, const Patience& patience,
        const std::function<Request(uint64_t)>& request_of, const std::function<void(Outcome)>& take)
      : count_(count),
        patience_(patience),
        request_of_(request_of),
        take_(take),
        source_(make_source([this](Answer answer) { inbox_.push(std::move(answer)); })) {}

  bool run(const std::stop_token& stop) {
    while (next_ < count_ || !open_.empty()) {
      if (stop.stop_requested()) return false;
      ask();
      auto answer = inbox_.pop_for(until_next_try());
      for (; answer && !stop.stop_requested(); answer = inbox_.try_pop()) settle(std::move(*answer));
    }
    return true;
  }

 private:
  void ask() {
    const auto now = SteadyClock::now();
    while (asked_ < patience_.at_once && !waiting_.empty() && waiting_.begin()->first <= now) {
      submit(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
    }
    while (asked_ < patience_.at_once && next_ < count_ && waiting_.size() < kMostWaiting) submit(next_++);
  }

  void submit(uint64_t number) {
    ++open_[number].count;
    ++asked_;
    Request request = request_of_(number);
    request.ticket = number;
    source_->submit(std::move(request));
  }

  SteadyClock::duration until_next_try() const {
    if (waiting_.empty() || asked_ >= patience_.at_once) return kTick;
    return std::clamp<SteadyClock::duration>(waiting_.begin()->first - SteadyClock::now(), std::chrono::milliseconds(1),
                                             kTick);
  }

  void settle(Answer answer) {
    if (const auto* end = std::get_if<std::exception_ptr>(&answer.body)) std::rethrow_exception(*end);
    --asked_;
    const uint64_t number = answer.ticket;
    Tries& open = open_.at(number);
    if (const auto* failure = std::get_if<Failure>(&answer.body)) {
      if (const auto wait = wait_after(*failure, number, open)) {
        waiting_.emplace(SteadyClock::now() + to_clock(*wait), number);
        return;
      }
    }
    const int tries = std::max(1, open.count);
    open_.erase(number);
    take_({std::move(answer), tries});
  }

  /// Seconds until another try; nothing: this was the last one. The deadline counts as in the stream.
  std::optional<double> wait_after(const Failure& failure, uint64_t number, Tries& tries) const {
    if (!failure.transient) return std::nullopt;
    const auto now = SteadyClock::now();
    const double left = patience_.deadline - Seconds(now - tries.note(failure, now)).count();
    if (is_overdue(failure, left)) return std::nullopt;
    return std::min(left, retry_delay(patience_.seed, number, tries.count, failure.retry_after));
  }

  const uint64_t count_;
  const Patience& patience_;
  const std::function<Request(uint64_t)>& request_of_;
  const std::function<void(Outcome)>& take_;
  uint64_t next_ = 0;
  size_t asked_ = 0;
  std::unordered_map<uint64_t, Tries> open_;  // questions that have not been settled
  std::set<std::pair<SteadyClock::time_point, uint64_t>> waiting_;
  Channel<Answer> inbox_{std::numeric_limits<size_t>::max()};
  const std::unique_ptr<Source> source_;  // last, so that its threads are gone before the inbox is
};

}  // namespace

Patience patience_for_images(const Config& config) {
  const uint64_t room = config.data.memory / config.data.max_image_size;
  const uint64_t most = 4 * static_cast<uint64_t>(config.data.connections);
  return {.seed = config.data_seed(),
          .deadline = config.data.sample_deadline,
          .at_once = std::clamp<uint64_t>(room, 1, most)};
}

bool ask_all(const MakeSource& make_source, uint64_t count, const Patience& patience,
             const std::function<Request(uint64_t)>& request_of, const std::function<void(Outcome)>& take,
             const std::stop_token& stop) {
  return Round(make_source, count, patience, request_of, take).run(stop);
}

}  // namespace atelier
