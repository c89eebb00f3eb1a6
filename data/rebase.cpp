#include "data/rebase.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace atelier {

Verdicts rebase(const Verdicts& verdicts, const Manifest& manifest) {
  std::unordered_map<std::string_view, const Verdict*> by_url;
  for (const auto& [entry, verdict] : verdicts.all()) {
    const auto [place, is_new] = by_url.emplace(verdict.url, &verdict);
    if (!is_new && verdict.position < place->second->position) place->second = &verdict;
  }
  Verdicts moved;
  for (uint64_t row = 0; row < manifest.size() && !by_url.empty(); ++row) {
    const auto found = by_url.find(manifest.entry(row).url);
    if (found == by_url.end()) continue;
    Verdict verdict = *found->second;
    verdict.entry = row;
    moved.add(std::move(verdict));
  }
  return moved;
}

}  // namespace atelier
