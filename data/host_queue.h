#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "data/retry.h"
#include "data/source.h"
#include "data/url.h"

namespace atelier {

/// A request and where it goes.
struct Job {
  Request request;
  Url url;
  SteadyClock::time_point asked = {};  ///< when the source was given it
  SteadyClock::time_point begun = {};  ///< when its transfer began
};

/// Requests that wait for a free transfer: first come, first served, but never more at once to one host than it may be
/// asked. They wait here and not in libcurl, so that a transfer's clock starts when its connection can, and a slow host
/// does not hold transfers that another host's requests could use. O(log hosts) each. For one thread.
class HostQueue {
 public:
  /// `limit_of` says how many requests, at least 1, a host may be asked at once.
  explicit HostQueue(std::function<int(const std::string& host)> limit_of) : limit_of_(std::move(limit_of)) {}

  void push(Job job);
  /// The oldest job whose host has room; it counts as running until done().
  std::optional<Job> pop();
  /// A job of `host` that pop() gave out has ended.
  void done(const std::string& host);

 private:
  struct Waiting {
    uint64_t number;
    Job job;
  };
  struct Host {
    int running = 0;
    std::deque<Waiting> waiting;
  };
  void offer(const std::string& name, Host& host);

  const std::function<int(const std::string& host)> limit_of_;
  uint64_t next_number_ = 0;
  std::unordered_map<std::string, Host> hosts_;  ///< those with anything running or waiting
  std::map<uint64_t, Host*> ready_;              ///< hosts with room and work, by the number of their oldest job
};

}  // namespace atelier
