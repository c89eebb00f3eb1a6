#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

#include "configs/printable.h"
#include "data/lookalikes.h"

// Near duplicates in words.

namespace atelier {
namespace {

constexpr size_t kShownGroups = 10, kShownRows = 5;

std::string group_text(const std::vector<Lookalike>& group) {
  std::string text;
  for (size_t i = 0; i < std::min(group.size(), kShownRows); ++i)
    text += fmt::format("  {:<5} row {:>9}  {}\n", i == 0 ? "" : fmt::format("like{:>4}", group[i].distance),
                        group[i].row, printable(group[i].url));
  if (group.size() > kShownRows) text += fmt::format("  and {} more\n", grouped(group.size() - kShownRows));
  return text;
}

}  // namespace

std::string lookalikes_text(const Lookalikes& lookalikes) {
  const auto& groups = lookalikes.groups;
  if (!lookalikes.complete)
    return fmt::format("similar    stopped before all of {} pictures had come; none were compared\n",
                       grouped(lookalikes.planned));
  std::string text = fmt::format("similar    among {} pictures: {} that look like one further up, in {} groups",
                                 grouped(lookalikes.compared), grouped(lookalikes.repeats()), grouped(groups.size()));
  if (lookalikes.plain > 0) text += fmt::format("; {} too plain to compare", grouped(lookalikes.plain));
  const auto& failures = lookalikes.failures;
  const uint64_t failed = std::accumulate(failures.begin(), failures.end(), uint64_t{0});
  if (failed > 0) text += fmt::format("; {} not had: {}", grouped(failed), faults_text(failures));
  text += '\n';
  for (size_t i = 0; i < std::min(groups.size(), kShownGroups); ++i) text += group_text(groups[i]);
  if (groups.size() > kShownGroups)
    text += fmt::format("  and {} more groups; --json has them all\n", grouped(groups.size() - kShownGroups));
  return text;
}

nlohmann::ordered_json lookalikes_json(const Lookalikes& lookalikes) {
  auto groups = nlohmann::ordered_json::array();
  for (const auto& group : lookalikes.groups) {
    auto rows = nlohmann::ordered_json::array();
    for (const Lookalike& each : group)
      rows.push_back({{"row", each.row}, {"url", each.url}, {"distance", each.distance}});
    groups.push_back(std::move(rows));
  }
  return {{"planned", lookalikes.planned},
          {"complete", lookalikes.complete},
          {"compared", lookalikes.compared},
          {"plain", lookalikes.plain},
          {"failures", faults_json(lookalikes.failures)},
          {"repeats", lookalikes.repeats()},
          {"groups", groups}};
}

}  // namespace atelier
