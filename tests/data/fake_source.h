#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "data/source.h"
#include "data/stream.h"

namespace atelier::test {

/// The web of a test: what each url answers, and what was asked. Shared by every source made from it.
class FakeWeb {
 public:
  using Body = decltype(Answer::body);
  /// Called on the source's thread. `time` counts the requests for this url from 1.
  using Reply = std::function<Body(const std::string& url, int time)>;

  explicit FakeWeb(Reply reply) : reply_(std::move(reply)) {}

  uint32_t scramble = 1;               ///< seed of the order of answers
  std::chrono::microseconds pause{0};  ///< before each answer
  std::atomic<bool> silent = false;    ///< never answers at all
  bool in_order = false;               ///< answers as it was asked

  Body ask(const std::string& url) {
    std::unique_lock lock(mutex_);
    const int time = ++asked_[url];
    times_[url].push_back(std::chrono::steady_clock::now());
    lock.unlock();
    return reply_(url, time);
  }
  int asked(const std::string& url) const {
    const std::lock_guard lock(mutex_);
    const auto place = asked_.find(url);
    return place == asked_.end() ? 0 : place->second;
  }
  std::vector<std::chrono::steady_clock::time_point> times(const std::string& url) const {
    const std::lock_guard lock(mutex_);
    return times_.at(url);
  }
  size_t most_outstanding() const {
    const std::lock_guard lock(mutex_);
    return most_outstanding_;
  }
  void note_outstanding(size_t requests) {
    const std::lock_guard lock(mutex_);
    most_outstanding_ = std::max(most_outstanding_, requests);
  }

  /// What a Stream takes. The web must outlive the stream.
  MakeSource source();

 private:
  const Reply reply_;
  mutable std::mutex mutex_;
  std::map<std::string, int> asked_;
  std::map<std::string, std::vector<std::chrono::steady_clock::time_point>> times_;
  size_t most_outstanding_ = 0;
};

/// Answers on one thread, in an order that has nothing to do with that of the requests.
class FakeSource : public Source {
 public:
  FakeSource(FakeWeb& web, Handler handler)
      : web_(web), handler_(std::move(handler)), random_(web.scramble), thread_([this] { run(); }) {}
  ~FakeSource() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void submit(Request request) override {
    const std::lock_guard lock(mutex_);
    pending_.push_back(std::move(request));
    web_.note_outstanding(pending_.size());
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (pending_.empty() || web_.silent) {
        changed_.wait_for(lock, std::chrono::milliseconds(20));  // silent may change unannounced
        continue;
      }
      const size_t place = web_.in_order ? 0 : random_() % pending_.size();
      const auto pick = pending_.begin() + static_cast<std::ptrdiff_t>(place);
      const Request request = std::move(*pick);
      pending_.erase(pick);
      lock.unlock();
      if (web_.pause.count() > 0) std::this_thread::sleep_for(web_.pause);
      handler_({request.ticket, web_.ask(request.url)});
      lock.lock();
    }
  }

  FakeWeb& web_;
  const Handler handler_;
  std::mt19937 random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> pending_;
  bool stopping_ = false;
  std::thread thread_;
};

inline MakeSource FakeWeb::source() {
  return [this](Source::Handler handler) { return std::make_unique<FakeSource>(*this, std::move(handler)); };
}

}  // namespace atelier::test
