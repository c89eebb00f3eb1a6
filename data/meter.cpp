#include "data/meter.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "base/files.h"
#include "configs/console.h"
#include "data/progress.h"

namespace atelier {

Meter::Meter(const Stream& stream, uint64_t total, std::optional<std::string> file)
    : stream_(stream),
      total_(total),
      file_(std::move(file)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Meter::~Meter() {
  thread_.request_stop();
  thread_.join();
  write_report();
}

void Meter::run(const std::stop_token& stop) const {
  Console console;
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  double due = kReportSeconds;
  while (!stopped.wait_for(lock, stop, std::chrono::milliseconds(100), [&] { return stop.stop_requested(); })) {
    if (console.progress_due()) console.progress(progress_line(stream_.report(), seconds(), total_));
    if (seconds() < due) continue;
    write_report();
    due += kReportSeconds;
  }
  console.clear();
}

/// A disk that is full must not end a stream.
void Meter::write_report() const noexcept try {
  if (file_) publish_file(*file_, summary_json(stream_.report(), seconds()) + "\n");
} catch (const std::exception& error) {
  Console().warn(error.what());
}

}  // namespace atelier
