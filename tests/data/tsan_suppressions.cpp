// Debian's libtbb is not built for the thread sanitizer, which therefore cannot see that a task is handed from one
// thread to another in order. What the tasks work on goes through our own queue, which it does see.
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race_top:enqueue_task\nrace:atelier::Channel<atelier::Pipeline::Job>::pop\n";
}
#endif
