#include "data/host_queue.h"

#include <utility>

namespace atelier {

void HostQueue::push(Job job) {
  Host& host = hosts_[job.url.host];
  host.waiting.push_back({next_number_++, std::move(job)});
  offer(host);
}

std::optional<Job> HostQueue::pop() {
  if (ready_.empty()) return std::nullopt;
  Host& host = *ready_.begin()->second;
  ready_.erase(ready_.begin());
  Job job = std::move(host.waiting.front().job);
  host.waiting.pop_front();
  ++host.running;
  offer(host);
  return job;
}

void HostQueue::done(const std::string& host) {
  Host& left = hosts_.at(host);
  --left.running;
  offer(left);
  if (left.running == 0 && left.waiting.empty()) hosts_.erase(host);
}

void HostQueue::offer(Host& host) {
  if (host.running < per_host_ && !host.waiting.empty()) ready_.emplace(host.waiting.front().number, &host);
}

}  // namespace atelier
