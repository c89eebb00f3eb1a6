#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "data/byte_range.h"
#include "data/http.h"

namespace atelier {

/// Parts of files on web servers, for threads that have nothing better to do than to wait for them: an HttpSource,
/// asked again as the stream asks again.
class RangeFetcher {
 public:
  struct Part {
    std::string bytes;
    Whole whole;
  };

  /// `deadline`: seconds that a part may go on failing in ways that may heal
  RangeFetcher(const HttpLimits& limits, double deadline);

  /// Any number of threads at once. Throws std::invalid_argument, a clause, for a failure that no other try can mend;
  /// std::runtime_error, a clause, past the deadline and after stop().
  Part fetch(const std::string& url, const ByteRange& range);

  /// Ends every fetch(), now and later.
  void stop();

 private:
  Answer ask(const std::string& url);
  void keep(Answer answer);

  const double deadline_;
  std::mutex mutex_;  // guards the next four
  std::condition_variable changed_;
  bool stopped_ = false;
  uint64_t tickets_ = 0;
  std::unordered_map<uint64_t, Answer> answers_;
  HttpSource source_;  ///< last, so that its thread is gone before what keep() uses
};

}  // namespace atelier
