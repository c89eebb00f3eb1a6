#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace atelier {

/// Turns SIGINT and SIGTERM into a stop token while it lives: the first one requests the stop, the second one ends the
/// process at once with 130. SIGUSR1 requests the stop however often it comes. Private to configs/.
///
/// One thread waits for the signals (sigwait); they are blocked in the constructing thread and in all that it starts,
/// so no code ever runs inside a signal handler. Make it before other threads, and one at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait();

  sigset_t signals_;
  sigset_t mask_before_;
  std::stop_source stop_;
  std::atomic<bool> leaving_ = false;
  std::thread waiter_;
};

}  // namespace atelier
