#include "data/mixed_source.h"

#include <algorithm>
#include <utility>

#include "data/host_table.h"

namespace atelier {

MixedSource::MixedSource(const std::vector<Part>& parts, const MakeSource& make_shared, const Handler& handler) {
  sources_.push_back(make_shared(handler));
  uint64_t begin = 0;
  for (const Part& part : parts) {
    if (part.make) sources_.push_back(part.make(handler));
    routes_.push_back({begin, part.end, part.make ? sources_.back().get() : nullptr});
    begin = part.end;
  }
}

void MixedSource::submit(Request request) {
  const Route& route = *std::ranges::upper_bound(routes_, request.item.row, {}, &Route::end);
  if (!route.own) return sources_.front()->submit(std::move(request));
  request.item.row -= route.begin;
  route.own->submit(std::move(request));
}

SourceCounts MixedSource::counts() const {
  SourceCounts sum;
  for (const auto& source : sources_) sum += source->counts();
  return sum;
}

std::vector<HostCounts> MixedSource::hosts() const {
  std::vector<HostCounts> all;
  for (const auto& source : sources_) all = merged(all, source->hosts());
  return all;
}

}  // namespace atelier
