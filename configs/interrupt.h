#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace atelier {

/// Turns SIGINT (Ctrl-C), SIGTERM, SIGHUP (unless it is ignored, as by nohup) and SIGUSR1 into a stop token while it
/// lives. Once the stop is requested SIGINT ends the process at once with 130; the others, which timeout(1) and
/// schedulers may send twice, change nothing more. Private to configs/.
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
