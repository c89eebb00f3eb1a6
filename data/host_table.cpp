#include "data/host_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace atelier {

namespace {

void add(HostCounts& sum, const HostCounts& counts) {
  sum.images += counts.images;
  sum.bytes += counts.bytes;
  sum.failures += counts.failures;
  sum.waited += counts.waited;
  sum.transferring += counts.transferring;
  sum.busy += counts.busy;
}

std::vector<HostCounts> worst_of(std::vector<HostCounts> hosts) {
  std::ranges::sort(hosts, [](const HostCounts& one, const HostCounts& other) {
    return std::tie(one.waited, other.host) > std::tie(other.waited, one.host);
  });
  if (hosts.size() > HostTable::kShown) hosts.resize(HostTable::kShown);
  return hosts;
}

}  // namespace

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
  return worst_of(std::move(hosts));
}

std::vector<HostCounts> merged(const std::vector<HostCounts>& some, const std::vector<HostCounts>& others) {
  std::vector<HostCounts> all = some;
  for (const HostCounts& other : others) {
    const auto known = std::ranges::find(all, other.host, &HostCounts::host);
    if (known == all.end())
      all.push_back(other);
    else
      add(*known, other);
  }
  return worst_of(std::move(all));
}

}  // namespace atelier
