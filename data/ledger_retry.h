#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "configs/config.h"
#include "data/fault_counts.h"
#include "data/manifest.h"
#include "data/source.h"
#include "data/verdicts.h"

namespace atelier {

/// What became of a ledger's entries when they were asked for again.
struct RetryReport {
  uint64_t entries = 0;  ///< in the ledger
  uint64_t asked = 0;    ///< fewer than `entries` when it was stopped
  uint64_t healed = 0;
  FaultCounts healed_from{};   ///< by what the ledger had
  FaultCounts failing_with{};  ///< by what it is now
  Verdicts left;  ///< the ledger without the healed ones; the others with their newest cause and all their attempts
};

/// Asks again for every entry of a ledger, those first whose failure may have passed, and decodes what comes. An entry
/// is healed when training could have it: by its bytes, and, with `manifest`, by its sha256 and the input image that
/// goes with it (data.condition: file).
///   source    as open_source or web_source makes it
///   manifest  the ledger's list; null: the ledger's urls are all there is to know
///   told      called after each entry with the report so far
/// Throws std::invalid_argument when a row of `manifest` is not the ledger's.
RetryReport retry_ledger(const Config& config, const Verdicts& ledger, const MakeSource& source,
                         const Manifest* manifest, const std::function<void(const RetryReport&)>& told,
                         const std::stop_token& stop);

/// The report in lines, and as one JSON object: entries, asked, healed, healed_from and failing_with by fault.
std::string retry_text(const RetryReport& report);
std::string retry_json(const RetryReport& report);

}  // namespace atelier
