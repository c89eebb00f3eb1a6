#include "data/braces.h"

#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace atelier {
namespace {

constexpr uint64_t kMost = 1'000'000;

std::invalid_argument bad(const std::string& pattern, const std::string& clause) {
  return std::invalid_argument(fmt::format("{}: {}", pattern, clause));
}

bool read_number(std::string_view digits, uint64_t& number) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size();
}

/// What stands between one pair of braces.
std::vector<std::string> alternatives(const std::string& pattern, std::string_view inside) {
  std::vector<std::string> all;
  if (const size_t dots = inside.find(".."); dots != std::string_view::npos) {
    const std::string_view low = inside.substr(0, dots), high = inside.substr(dots + 2);
    uint64_t first = 0, last = 0;
    if (!read_number(low, first) || !read_number(high, last) || first > last)
      throw bad(pattern, fmt::format("{{{}}} is no range; write it {{000..012}}, the smaller number first", inside));
    if (last - first >= kMost) throw bad(pattern, fmt::format("{{{}}} are more than {} names", inside, kMost));
    const bool padded = low.size() > 1 && low.starts_with('0');
    for (uint64_t step = 0; step <= last - first; ++step)
      all.push_back(fmt::format("{:0{}}", first + step, padded ? low.size() : 1));
    return all;
  }
  if (inside.find(',') == std::string_view::npos)
    throw bad(pattern, fmt::format("{{{}}} is neither a range {{000..012}} nor a choice {{a,b}}", inside));
  for (;;) {
    const size_t comma = inside.find(',');
    all.emplace_back(inside.substr(0, comma));
    if (comma == std::string_view::npos) return all;
    inside.remove_prefix(comma + 1);
  }
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern) {
  std::vector<std::string> names{""};
  for (std::string_view rest = pattern;;) {
    const size_t open = rest.find_first_of("{}");
    for (std::string& name : names) name += rest.substr(0, open);
    if (open == std::string_view::npos) return names;
    if (rest[open] == '}') throw bad(pattern, "a brace closes that none has opened");
    const size_t close = rest.find_first_of("{}", open + 1);
    if (close == std::string_view::npos) throw bad(pattern, "a brace opens and never closes");
    if (rest[close] == '{') throw bad(pattern, "braces inside braces; write them one after the other");
    const auto choices = alternatives(pattern, rest.substr(open + 1, close - open - 1));
    if (names.size() * choices.size() > kMost) throw bad(pattern, fmt::format("more than {} names", kMost));
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const std::string& choice : choices) longer.push_back(name + choice);
    }
    names = std::move(longer);
    rest.remove_prefix(close + 1);
  }
}

}  // namespace atelier
