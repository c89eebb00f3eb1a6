#include "data/row_filter.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "data/ascii.h"

namespace atelier {
namespace {

constexpr std::string_view kAnd = " and ", kSpace = " ";
constexpr size_t kMostSeen = 1000;  // names; a list with more has its fields by mistake

/// The parts of `text` between separators, blanks at their ends removed.
std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(trimmed(text.substr(0, end), kSpace));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

}  // namespace

RowFilter::RowFilter(std::string_view where) {
  const std::string closed = std::string(where) + ' ';  // an "and" at the end joins nothing
  for (const std::string& condition : split(closed, kAnd)) conditions_.push_back(read_condition(condition));
}

RowFilter::Condition RowFilter::read_condition(std::string_view text) {
  const size_t equals = text.find('=');
  const bool negated = equals != std::string_view::npos && equals > 0 && text[equals - 1] == '!';
  const std::string_view field =
      trimmed(text.substr(0, equals == std::string_view::npos ? 0 : equals - (negated ? 1 : 0)), kSpace);
  if (field.empty() || field.find_first_of(" |!<>\"") != std::string_view::npos)
    throw std::invalid_argument(fmt::format(
        "data.where: \"{}\" is no condition; write FIELD=VALUE, FIELD=VALUE|VALUE or FIELD!=VALUE, and join "
        "several by \" and \"",
        text));
  const auto known = std::find(fields_.begin(), fields_.end(), field);
  const auto place = static_cast<size_t>(known - fields_.begin());
  if (known == fields_.end()) fields_.emplace_back(field);
  return {.field = place, .negated = negated, .values = split(text.substr(equals + 1), "|")};
}

bool RowFilter::matches(const ListRows& rows, size_t offset, std::set<std::string, std::less<>>& seen) const {
  std::vector<std::string> values(fields_.size());
  rows.each_value(offset, [&](std::string_view name, std::string_view value) {
    if (seen.size() < kMostSeen && !seen.contains(name)) seen.emplace(name);
    const auto wanted = std::find(fields_.begin(), fields_.end(), name);
    if (wanted != fields_.end()) values[static_cast<size_t>(wanted - fields_.begin())] = value;
  });
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
    const auto& its = condition.values;
    return (std::find(its.begin(), its.end(), values[condition.field]) != its.end()) != condition.negated;
  });
}

}  // namespace atelier
