#pragma once

#include <csignal>
#include <pthread.h>

namespace atelier {

/// For a thread that works for the program: signals are for the program's own threads, and a write to a connection
/// that the peer closed is an error, not a SIGPIPE.
inline void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace atelier
