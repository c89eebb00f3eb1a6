#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "data/http.h"

namespace atelier::test {

/// An HttpSource that a test can call and wait for.
class Fetcher {
 public:
  explicit Fetcher(const HttpLimits& limits) : source_(limits, [this](Answer answer) { keep(std::move(answer)); }) {}

  /// Submits; the ticket to wait for.
  uint64_t submit(const std::string& url) {
    std::unique_lock lock(mutex_);
    const uint64_t ticket = ++tickets_;
    lock.unlock();
    source_.submit({ticket, url});
    return ticket;
  }

  /// The answer to `ticket`; throws when there is none after 20 s.
  Answer wait(uint64_t ticket) {
    std::unique_lock lock(mutex_);
    if (!answered_.wait_for(lock, std::chrono::seconds(20), [&] { return answers_.contains(ticket); }))
      throw std::runtime_error("no answer in 20 s");
    Answer answer = std::move(answers_.at(ticket));
    answers_.erase(ticket);
    return answer;
  }

  Answer fetch(const std::string& url) { return wait(submit(url)); }
  HttpSource& source() { return source_; }

 private:
  void keep(Answer answer) {
    const std::lock_guard lock(mutex_);
    const uint64_t ticket = answer.ticket;
    if (!answers_.emplace(ticket, std::move(answer)).second) std::terminate();  // answered twice
    answered_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable answered_;
  uint64_t tickets_ = 0;
  std::map<uint64_t, Answer> answers_;
  HttpSource source_;  ///< last, so that its thread is gone before what keep() uses
};

/// The body as text; throws std::bad_variant_access for a failure.
inline std::string body(const Answer& answer) {
  const auto& bytes = std::get<std::vector<std::byte>>(answer.body);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline const Failure& failure(const Answer& answer) { return std::get<Failure>(answer.body); }

}  // namespace atelier::test
