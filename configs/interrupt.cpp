#include "configs/interrupt.h"

#include <cstdio>
#include <pthread.h>
#include <unistd.h>

#include "configs/program.h"

namespace atelier {

namespace {

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

Interrupt::Interrupt() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals_, signal);
  if (!is_ignored(SIGHUP)) sigaddset(&signals_, SIGHUP);
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
    if (stop_.request_stop())
      std::fputs("\nStopping after the work at hand; once more (Ctrl-C) to leave at once.\n", stderr);
    else if (signal == SIGINT)
      _exit(kInterrupted);
  }
}

}  // namespace atelier
