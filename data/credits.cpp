#include "data/credits.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "configs/printable.h"
#include "data/ascii.h"
#include "data/fault_counts.h"
#include "data/row_ranges.h"

namespace atelier {
namespace {

/// Upper case, with "-" for blanks and underscores.
std::string canonical(std::string_view licence) {
  std::string name;
  for (const unsigned char letter : licence)
    name += letter == ' ' || letter == '_' ? '-' : static_cast<char>(std::toupper(letter));
  return name;
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

void merge(Credit& credit, const Credit& other) {
  credit.works += other.works;
  credit.first_rows.insert(credit.first_rows.end(), other.first_rows.begin(), other.first_rows.end());
  std::sort(credit.first_rows.begin(), credit.first_rows.end());
  credit.first_rows.resize(std::min(credit.first_rows.size(), Credit::kFew + 1));
}

void merge(Credits& credits, const Credits& other) {
  credits.works += other.works;
  credits.free += other.free;
  for (const auto& [licence, works] : other.unknown) credits.unknown[licence] += works;
  for (const auto& [key, credit] : other.demanded) merge(credits.demanded[key], credit);
}

void add(Credits& credits, uint64_t row, const Entry& entry) {
  ++credits.works;
  switch (demand_of(entry.licence)) {
    case Demand::kNone:
      ++credits.free;
      break;
    case Demand::kUnknown:
      ++credits.unknown[entry.licence];
      break;
    case Demand::kAttribution: {
      Credit& credit = credits.demanded[{entry.creator, entry.licence}];
      ++credit.works;
      if (credit.first_rows.size() <= Credit::kFew) credit.first_rows.push_back(row);
      break;
    }
  }
}

bool are_few(const Credit& credit) { return credit.works <= Credit::kFew; }

}  // namespace

Demand demand_of(std::string_view licence) {
  const std::string name = canonical(licence);
  for (const char* free : {"CC0", "CC-0", "CC-ZERO", "CC-PDDC", "PDM", "PDDL", "0BSD", "PUBLIC-DOMAIN"})
    if (name.starts_with(free)) return Demand::kNone;
  if (name == "UNLICENSE" || holds(name, "/PUBLICDOMAIN/")) return Demand::kNone;
  if (name.starts_with("CC-BY") || name == "BY" || name.starts_with("BY-") || holds(name, "/LICENSES/BY") ||
      name.starts_with("CREATIVE-COMMONS-ATTRIBUTION"))
    return Demand::kAttribution;
  return Demand::kUnknown;
}

std::string licence_url(std::string_view licence) {
  static constexpr std::array<std::string_view, 6> kKinds = {"BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND"};
  static constexpr std::array<std::string_view, 5> kVersions = {"1.0", "2.0", "2.5", "3.0", "4.0"};
  for (const std::string_view kind : kKinds) {
    for (const std::string_view version : kVersions) {
      if (canonical(licence) != fmt::format("CC-{}-{}", kind, version)) continue;
      return fmt::format("https://creativecommons.org/licenses/{}/{}/", lower_case(kind), version);
    }
  }
  return {};
}

Credits credits_of(const Manifest& manifest, const RowSet& rows, const Verdicts& ledger,
                   const std::function<void(double share)>& progress) {
  Credits all;
  std::mutex mutex;  // guards all
  for_each_range(
      rows.size(),
      [&](uint64_t begin, uint64_t end) {
        Credits some;
        for (uint64_t rank = begin; rank < end; ++rank) {
          const uint64_t row = rows.at(rank);
          if (!ledger.has(row)) add(some, row, manifest.entry(row));
        }
        const std::lock_guard lock(mutex);
        merge(all, some);
      },
      progress);
  return all;
}

std::string credits_text(const Credits& credits, const Manifest& manifest) {
  std::string text;
  for (const auto& [key, credit] : credits.demanded) {
    const auto& [creator, licence] = key;
    const std::string url = licence_url(licence);
    text += fmt::format("{}, {}{}: {} work{}\n", creator.empty() ? "(no creator named)" : printable(creator),
                        printable(licence), url.empty() ? "" : fmt::format(" ({})", url), grouped(credit.works),
                        credit.works == 1 ? "" : "s");
    if (!are_few(credit)) continue;
    for (const uint64_t row : credit.first_rows) {
      const Entry entry = manifest.entry(row);
      text +=
          fmt::format("  {}{}{}\n", printable(entry.caption), entry.caption.empty() ? "" : ", ", printable(entry.url));
    }
  }
  return text;
}

std::string credits_json(const Credits& credits, const Manifest& manifest) {
  auto attributions = nlohmann::ordered_json::array();
  for (const auto& [key, credit] : credits.demanded) {
    nlohmann::ordered_json line = {{"creator", key.first},
                                   {"licence", key.second},
                                   {"licence_url", licence_url(key.second)},
                                   {"works", credit.works}};
    if (are_few(credit)) {
      line["entries"] = nlohmann::ordered_json::array();
      for (const uint64_t row : credit.first_rows) {
        const Entry entry = manifest.entry(row);
        line["entries"].push_back({{"entry", row}, {"url", entry.url}, {"caption", entry.caption}});
      }
    }
    attributions.push_back(std::move(line));
  }
  nlohmann::ordered_json unknown = nlohmann::ordered_json::object();
  for (const auto& [licence, works] : credits.unknown) unknown[licence] = works;
  return nlohmann::ordered_json{{"works", credits.works},
                                {"attributions", attributions},
                                {"without_demand", credits.free},
                                {"unknown_licences", unknown}}
      .dump();
}

}  // namespace atelier
