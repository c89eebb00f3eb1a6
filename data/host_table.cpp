#include "data/host_table.h"

#include <algorithm>
#include <tuple>

namespace atelier {

HostTable::Row& HostTable::row(const std::string& host) {
  const auto known = rows_.find(host);
  if (known != rows_.end()) return known->second;
  const std::string name = rows_.size() < kMost ? host : "other hosts";
  Row& fresh = rows_[name];
  fresh.counts.host = name;
  return fresh;
}

void HostTable::begin(const std::string& host, SteadyClock::time_point now) {
  const std::lock_guard lock(mutex_);
  Row& asked = row(host);
  if (asked.running++ == 0) asked.since = now;
}

void HostTable::end(const std::string& host, SteadyClock::time_point asked, SteadyClock::time_point begun,
                    SteadyClock::time_point now, bool good, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Row& done = row(host);
  if (--done.running == 0) done.counts.busy += Seconds(now - done.since).count();
  ++(good ? done.counts.images : done.counts.failures);
  done.counts.bytes += bytes;
  done.counts.waited += Seconds(now - asked).count();
  done.counts.transferring += Seconds(now - begun).count();
}

std::vector<HostCounts> HostTable::most_waited_for(SteadyClock::time_point now) const {
  std::vector<HostCounts> hosts;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, row] : rows_) {
      HostCounts& counts = hosts.emplace_back(row.counts);
      if (row.running > 0) counts.busy += Seconds(now - row.since).count();
    }
  }
  std::ranges::sort(hosts, [](const HostCounts& one, const HostCounts& other) {
    return std::tie(one.waited, other.host) > std::tie(other.waited, one.host);
  });
  if (hosts.size() > kShown) hosts.resize(kShown);
  return hosts;
}

}  // namespace atelier
