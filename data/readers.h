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

namespace atelier {

/// Threads that wait for disks: each takes the oldest task and works on it. Destruction abandons those that nobody has
/// begun.
template <class Task>
class Readers {
 public:
  /// `work` is called on any of the threads and must not throw.
  Readers(int threads, const std::function<void(Task)>& work) {
    try {
      for (int i = 0; i < threads; ++i) threads_.emplace_back([this, work] { run(work); });
    } catch (...) {
      tasks_.close();
      throw;
    }
  }
  ~Readers() {
    stopping_ = true;
    tasks_.close();
  }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  void push(Task task) { tasks_.push(std::move(task)); }

 private:
  void run(const std::function<void(Task)>& work) {
    block_signals();
    while (auto task = tasks_.pop()) {
      if (!stopping_) work(std::move(*task));
    }
  }

  Channel<Task> tasks_{std::numeric_limits<size_t>::max()};
  std::atomic<bool> stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace atelier
