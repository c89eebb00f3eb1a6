#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/manifest.h"
#include "data/row_set.h"
#include "data/verdicts.h"

/// Whom to name for the images that a run uses.
namespace atelier {

/// What a licence asks of those who use the work: to name its creator (Creative Commons BY and all its kinds), nothing
/// (CC0, public domain), or who knows. By SPDX names, by names as people write them, and by creativecommons.org urls.
enum class Demand { kAttribution, kNone, kUnknown };
Demand demand_of(std::string_view licence);

/// The page of a Creative Commons licence that is written as SPDX does, such as "CC-BY-SA-4.0"; empty for any other.
std::string licence_url(std::string_view licence);

/// Works of one creator under one licence.
struct Credit {
  static constexpr size_t kFew = 3;
  uint64_t works = 0;
  std::vector<uint64_t> first_rows;  ///< at most kFew + 1 of them, ascending
};

struct Credits {
  uint64_t works = 0;                                              ///< all that were looked at
  std::map<std::pair<std::string, std::string>, Credit> demanded;  ///< by creator and licence
  uint64_t free = 0;                                               ///< works that demand nothing
  std::map<std::string, uint64_t> unknown;                         ///< by licence; "" where a row has none
};

/// The credits of `rows`, those that have a verdict in `ledger` left out. Reads the rows on all cores.
Credits credits_of(const Manifest& manifest, const RowSet& rows, const Verdicts& ledger,
                   const std::function<void(double share)>& progress = {});

/// The attributions as text, a creator and licence a line, with the works where they are few; and as one JSON object,
/// which has the licences that nobody knows as well.
std::string credits_text(const Credits& credits, const Manifest& manifest);
std::string credits_json(const Credits& credits, const Manifest& manifest);

}  // namespace atelier
