#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "configs/config.h"
#include "data/stream.h"
#include "python/python_batch.h"

namespace atelier {

/// Sentences from threads that cannot call Python.
class Warnings {
 public:
  void add(const std::string& sentence) {
    const std::lock_guard lock(mutex_);
    sentences_.push_back(sentence);
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(sentences_, {});
  }

 private:
  std::mutex mutex_;  // guards sentences_
  std::vector<std::string> sentences_;
};

/// What `atelier.Stream` is. Python calls it with the GIL held; it lets go of it wherever it reads, waits or joins.
///
/// Fetching begins with the first batch, so that a state can be loaded, or the process forked, before anything runs.
/// From then on the stream belongs to its process: in a forked child every call throws, and its end leaves the threads,
/// which are not there, alone.
class PythonStream {
 public:
  /// Opens and plans config.data.list; throws as open_list, plan_stream and check_share do. Ctrl-C ends it. What has to
  /// be left out of a list, and later a cache that cannot be written, is a UserWarning.
  PythonStream(const Config& config, bool held_out, uint64_t rank, uint64_t world);
  ~PythonStream();
  PythonStream(const PythonStream&) = delete;
  PythonStream& operator=(const PythonStream&) = delete;

  /// Throws what Stream::next does, and KeyboardInterrupt within 100 ms of Ctrl-C; the batch then comes next time.
  PythonBatch next();

  std::string save() const;  ///< save_stream after the batches so far
  void resume(const std::string& saved);
  std::string report() const;  ///< summary_json

  std::vector<std::string> labels() const;
  uint64_t rows() const;

 private:
  template <class Work>
  auto alone(Work work) const;
  Batch wait_for_batch();
  void warn() const;

  const Config config_;
  std::atomic<pid_t> owner_ = 0;  // who started the stream
  mutable std::mutex mutex_;      // taken without the GIL; guards what follows
  const std::shared_ptr<Warnings> warnings_ = std::make_shared<Warnings>();  // a source may outlive the stream
  StreamPlan plan_;  // its start is where the next stream begins
  std::unique_ptr<Stream> stream_;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace atelier
