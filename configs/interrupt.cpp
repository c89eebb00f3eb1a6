#include "configs/interrupt.h"

#include <cstdio>
#include <pthread.h>
#include <unistd.h>

#include "configs/program.h"

namespace atelier {

Interrupt::Interrupt() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_);
  waiter_ = std::thread([this] { wait(); });
}

Interrupt::~Interrupt() {
  leaving_ = true;
  pthread_kill(waiter_.native_handle(), SIGTERM);  // wakes sigwait; nobody else sees it
  waiter_.join();
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Interrupt::wait() {
  while (true) {
    int signal = 0;
    sigwait(&signals_, &signal);
    if (leaving_) return;
    if (!stop_.request_stop()) {
      if (signal == SIGUSR1) continue;
      _exit(kInterrupted);
    }
    std::fputs("\nStopping after the work at hand; once more (Ctrl-C) to leave at once.\n", stderr);
  }
}

}  // namespace atelier
