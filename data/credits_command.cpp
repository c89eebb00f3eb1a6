#include <fmt/format.h>

#include "configs/console.h"
#include "configs/printable.h"
#include "data/command.h"
#include "data/credits.h"
#include "data/fault_counts.h"
#include "data/stream.h"

// atelier-data credits LIST

namespace atelier {
namespace {

constexpr size_t kShownLicences = 5;

/// What the attributions do not say: works whose licence is missing or unknown, and creators that nobody named.
void warn(Console& console, const Credits& credits) {
  uint64_t nameless = 0;
  for (const auto& [key, credit] : credits.demanded) nameless += key.first.empty() ? credit.works : 0;
  if (nameless > 0) console.warn(fmt::format("{} works demand attribution and name no creator", grouped(nameless)));
  if (credits.unknown.empty()) return;
  std::string licences;
  size_t shown = 0;
  for (const auto& [licence, works] : credits.unknown) {
    if (shown++ == kShownLicences) break;
    licences += fmt::format("{}{} {}", licences.empty() ? "" : ", ",
                            licence.empty() ? "no licence" : fmt::format("\"{}\"", printable(licence)), grouped(works));
  }
  if (credits.unknown.size() > kShownLicences)
    licences += fmt::format(" and {} more", credits.unknown.size() - kShownLicences);
  console.warn("what these licences demand is not known here; look for yourself: " + licences);
}

}  // namespace

int run_credits(const Invocation& invocation) {
  const Config& config = invocation.config();
  const auto ledger = invocation.flag("ledger");
  const Verdicts verdicts = ledger ? read_ledger(*ledger) : Verdicts();
  const auto manifest = open_list(config.data, invocation.stop);
  const StreamPlan plan = plan_list(invocation, config, manifest);
  Console console;
  const Credits credits =
      credits_of(*manifest, plan.rows, verdicts, show_share(console, "reading the credits", invocation.stop));
  console.clear();
  print(invocation.flag("json") ? credits_json(credits, *manifest) + '\n' : credits_text(credits, *manifest));
  console.say(fmt::format("{} works: {} attributions, {} works under licences that demand none", grouped(credits.works),
                          grouped(credits.demanded.size()), grouped(credits.free)));
  warn(console, credits);
  return kGood;
}

}  // namespace atelier
