#include "data/chooser.h"

#include <algorithm>
#include <cmath>

namespace atelier {

uint64_t Chooser::longest_chain(double max_failure_rate) {
  constexpr double kShortest = 16, kLongest = 10'000;
  return static_cast<uint64_t>(std::clamp(std::ceil(64 / std::abs(std::log2(max_failure_rate))), kShortest, kLongest));
}

Chooser::Chooser(const StreamPlan& plan, double max_failure_rate)
    : order_(plan.stratified_order()),
      longest_chain_(longest_chain(max_failure_rate)),
      verdicts_(plan.start.verdicts) {}

bool Chooser::is_barred(uint64_t row, uint64_t position) const {
  const Verdict* verdict = verdicts_.find(row);
  return verdict && verdict->position <= position;
}

std::optional<Chooser::Choice> Chooser::choose(uint64_t position, uint64_t attempt) const {
  for (; attempt <= longest_chain_; ++attempt) {
    const uint64_t row = row_at(position, attempt);
    if (!is_barred(row, position)) return Choice{attempt, row};
  }
  return std::nullopt;
}

const Stratum* Chooser::spent_stratum(uint64_t position) const {
  const Stratum& stratum = stratum_of(position);
  for (uint64_t rank = 0; rank < stratum.rows.size(); ++rank)
    if (!verdicts_.has(stratum.rows.at(rank))) return nullptr;
  return &stratum;
}

}  // namespace atelier
