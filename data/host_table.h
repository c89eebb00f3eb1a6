#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/retry.h"
#include "data/source.h"

namespace atelier {

/// What each host has given so far. The first kMost hosts have counts of their own, the rest share one called "other
/// hosts". Any number of threads.
class HostTable {
 public:
  static constexpr size_t kMost = 1'000;
  static constexpr size_t kShown = 20;

  /// Something is asked of `host`.
  void begin(const std::string& host, SteadyClock::time_point now);
  /// It has been answered: with `bytes` of an image, or badly.
  ///   asked  when the source was given the request; it may have waited for others of its host
  ///   begun  as begin() was told
  void end(const std::string& host, SteadyClock::time_point asked, SteadyClock::time_point begun,
           SteadyClock::time_point now, bool good, uint64_t bytes);

  /// Those that were waited for most, at most kShown, the worst first.
  std::vector<HostCounts> most_waited_for(SteadyClock::time_point now) const;

 private:
  struct Row {
    HostCounts counts;
    int running = 0;
    SteadyClock::time_point since;  // something has been running
  };
  Row& row(const std::string& host);

  mutable std::mutex mutex_;  // guards rows_
  std::unordered_map<std::string, Row> rows_;
};

/// What several sources tell of their hosts, as one would: at most HostTable::kShown, the worst first.
std::vector<HostCounts> merged(const std::vector<HostCounts>& some, const std::vector<HostCounts>& others);

}  // namespace atelier
