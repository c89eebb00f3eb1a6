#include "data/host_queue.h"

#include <utility>

namespace atelier {

void HostQueue::push(Job job) {
  Host& host = hosts_[job.url.host];
  const std::string& name = host.waiting.emplace_back(Waiting{next_number_++, std::move(job)}).job.url.host;
  offer(name, host);
}

std::optional<Job> HostQueue::pop() {
  while (!ready_.empty()) {
    Host& host = *ready_.begin()->second;
    ready_.erase(ready_.begin());
    if (host.running >= limit_of_(host.waiting.front().job.url.host)) continue;  // less than when it was offered
    Job job = std::move(host.waiting.front().job);
    host.waiting.pop_front();
    ++host.running;
    offer(job.url.host, host);
    return job;
  }
  return std::nullopt;
}

void HostQueue::done(const std::string& host) {
  Host& left = hosts_.at(host);
  --left.running;
  offer(host, left);
  if (left.running == 0 && left.waiting.empty()) hosts_.erase(host);
}

void HostQueue::offer(const std::string& name, Host& host) {
  if (host.running < limit_of_(name) && !host.waiting.empty()) ready_.emplace(host.waiting.front().number, &host);
}

}  // namespace atelier
