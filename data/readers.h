#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "data/block_signals.h"
#include "data/channel.h"
#include "data/source.h"

namespace atelier {

/// Threads that wait for disks: each takes the oldest request and works on it. Destruction abandons those that nobody
/// has begun.
class Readers {
 public:
  /// `work` is called on any of the threads and must not throw.
  Readers(int threads, const std::function<void(Request)>& work) {
    try {
      for (int i = 0; i < threads; ++i) threads_.emplace_back([this, work] { run(work); });
    } catch (...) {
      requests_.close();
      throw;
    }
  }
  ~Readers() {
    stopping_ = true;
    requests_.close();
  }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  void push(Request request) { requests_.push(std::move(request)); }

 private:
  void run(const std::function<void(Request)>& work) {
    block_signals();
    while (auto request = requests_.pop()) {
      if (!stopping_) work(std::move(*request));
    }
  }

  Channel<Request> requests_{std::numeric_limits<size_t>::max()};
  std::atomic<bool> stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace atelier
