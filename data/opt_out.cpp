#include "data/opt_out.h"

#include <algorithm>
#include <array>
#include <string>

#include "data/ascii.h"

namespace atelier {
namespace {

/// The robot that a rule names before a colon; empty: it is for everybody.
std::string_view robot_of(std::string_view rule) {
  constexpr std::array<std::string_view, 4> kRulesWithValues = {"unavailable_after", "max-snippet", "max-image-preview",
                                                                "max-video-preview"};
  const size_t colon = rule.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view name = trimmed(rule.substr(0, colon));
  return std::find(kRulesWithValues.begin(), kRulesWithValues.end(), name) == kRulesWithValues.end() ? name : "";
}

}  // namespace

bool opts_out(std::string_view robots_tag) {
  constexpr std::array<std::string_view, 4> kRefusals = {"noai", "noimageai", "noindex", "none"};
  const std::string text = lower_case(robots_tag);
  std::string_view rest = text;
  bool is_for_us = true;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view rule = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (const std::string_view robot = robot_of(rule); !robot.empty()) {
      is_for_us = robot == "atelier" || robot == "*";
      rule = trimmed(rule.substr(rule.find(':') + 1));
    }
    if (is_for_us && std::find(kRefusals.begin(), kRefusals.end(), rule) != kRefusals.end()) return true;
  }
  return false;
}

}  // namespace atelier
