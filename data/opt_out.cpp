#include "data/opt_out.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace atelier {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

/// The robot that a rule names before a colon; empty: it is for everybody.
std::string_view robot_of(std::string_view rule) {
  constexpr std::array<std::string_view, 4> kRulesWithValues = {"unavailable_after", "max-snippet", "max-image-preview",
                                                                "max-video-preview"};
  const size_t colon = rule.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view name = trim(rule.substr(0, colon));
  return std::find(kRulesWithValues.begin(), kRulesWithValues.end(), name) == kRulesWithValues.end() ? name : "";
}

}  // namespace

bool opts_out(std::string_view robots_tag) {
  constexpr std::array<std::string_view, 4> kRefusals = {"noai", "noimageai", "noindex", "none"};
  std::string text(robots_tag);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char letter) { return std::tolower(letter); });
  std::string_view rest = text;
  bool is_for_us = true;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view rule = trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (const std::string_view robot = robot_of(rule); !robot.empty()) {
      is_for_us = robot == "atelier" || robot == "*";
      rule = trim(rule.substr(rule.find(':') + 1));
    }
    if (is_for_us && std::find(kRefusals.begin(), kRefusals.end(), rule) != kRefusals.end()) return true;
  }
  return false;
}

}  // namespace atelier
