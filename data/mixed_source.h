#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/source.h"

namespace atelier {

/// The bytes of a mix: each list's rows from the source that has them. Threads and answers are those of the sources.
class MixedSource : public Source {
 public:
  /// Rows up to `end` (from the end of the part before). A part with a maker has a source of its own, which numbers
  /// its rows from 0, such as a store; the others share one.
  struct Part {
    uint64_t end = 0;
    MakeSource make = {};
  };

  MixedSource(const std::vector<Part>& parts, const MakeSource& make_shared, const Handler& handler);
  void submit(Request request) override;
  SourceCounts counts() const override;
  std::vector<HostCounts> hosts() const override;

 private:
  struct Route {
    uint64_t begin, end;
    Source* own;  // null: the shared one
  };
  std::vector<Route> routes_;
  std::vector<std::unique_ptr<Source>> sources_;  // the shared one first
};

}  // namespace atelier
