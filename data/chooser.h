#pragma once

#include <cstdint>
#include <optional>

#include "data/plan.h"
#include "data/verdicts.h"

namespace atelier {

/// Which row of the list a position gets: the first of its chain (its row in the order, substitutes 1, 2, ... of the
/// same stratum) without a verdict.
///
/// A verdict bars its row from the position that it was found at onwards, so what a position gets depends on itself
/// and on those before it, however far ahead the stream has read.
class Chooser {
 public:
  /// A chain as long as this has a chance below 2^-64 while failures stay within `max_failure_rate`.
  static uint64_t longest_chain(double max_failure_rate);

  Chooser(const StreamPlan& plan, double max_failure_rate);

  struct Choice {
    uint64_t attempt = 0;
    uint64_t row = 0;
  };
  /// The first choice from `attempt` on; nothing when the chain has become hopelessly long.
  std::optional<Choice> choose(uint64_t position, uint64_t attempt) const;
  uint64_t row_at(uint64_t position, uint64_t attempt) const { return order_.row_at(position, attempt); }

  bool is_barred(uint64_t row, uint64_t position) const;
  void add(const Verdict& verdict) { verdicts_.add(verdict); }
  const Stratum& stratum_of(uint64_t position) const { return order_.strata()[order_.stratum_at(position)]; }
  /// The stratum of `position`, if none of its rows is left.
  const Stratum* spent_stratum(uint64_t position) const;

 private:
  const StratifiedOrder order_;
  const uint64_t longest_chain_;
  Verdicts verdicts_;
};

}  // namespace atelier
