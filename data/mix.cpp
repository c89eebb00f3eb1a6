#include "data/mix.h"

#include <charconv>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "base/files.h"
#include "data/ascii.h"
#include "data/url.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostBytes = 1 << 20, kMostLists = 1000;
/// The first word of `text`, which loses it.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text = trimmed(text.substr(word.size()));
  return word;
}

template <class Number>
Number number_of(std::string_view word, const char* what) {
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size())
    throw std::invalid_argument(fmt::format("\"{}\" is no {}", word, what));
  return number;
}

/// "at POSITION: WEIGHT WEIGHT ..."
Weighting weighting_of(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos)
    throw std::invalid_argument("expected a colon after the position, such as \"at 1000000: 0.5 0.5\"");
  Weighting change{.position = number_of<uint64_t>(trimmed(line.substr(0, colon)), "position"), .weights = {}};
  for (std::string_view rest = trimmed(line.substr(colon + 1)); !rest.empty();)
    change.weights.push_back(number_of<double>(take_word(rest), "weight"));
  return change;
}

void add_change(Mix& mix, Weighting change) {
  if (mix.lists.empty()) throw std::invalid_argument("name the lists before their weights change");
  if (change.position <= mix.weightings.back().position)
    throw std::invalid_argument(fmt::format("position {} is not after {}; order the changes by position",
                                            change.position, mix.weightings.back().position));
  if (change.weights.size() != mix.lists.size())
    throw std::invalid_argument(
        fmt::format("{} weights for {} lists; give one for each", change.weights.size(), mix.lists.size()));
  whole_parts(change.weights);
  mix.weightings.push_back(std::move(change));
}

void add_line(Mix& mix, const fs::path& folder, std::string_view line) {
  const std::string_view first = take_word(line);
  if (first == "at") return add_change(mix, weighting_of(line));
  if (mix.weightings.size() > 1) throw std::invalid_argument("name all lists before their weights change");
  if (mix.lists.size() == kMostLists)
    throw std::invalid_argument(fmt::format("a mix takes at most {} lists", kMostLists));
  const auto weight = number_of<double>(first, "weight; a line is a weight and a list, such as \"0.7 sofas.jsonl\"");
  if (line.empty()) throw std::invalid_argument("the weight has no list; name one after it");
  const std::string list(line);
  if (is_mix(list)) throw std::invalid_argument("a mix cannot be part of a mix; name its lists here");
  mix.lists.push_back(has_scheme(list) ? list : (folder / list).lexically_normal().string());
  mix.weightings.front().weights.push_back(weight);
}

}  // namespace

bool is_mix(const std::string& list) { return fs::path(list).extension() == ".mix" && !fs::is_directory(list); }

Mix read_mix(const fs::path& file) {
  std::string text;
  try {
    text = read_file(file, kMostBytes);
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(fmt::format("{}; check the path of the mix", error.what()));
  }
  Mix mix{.lists = {}, .weightings = {Weighting()}};
  const fs::path folder = fs::absolute(file).parent_path();
  size_t number = 0;
  try {
    for (std::string_view rest = text; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      ++number;
      if (const auto content = trimmed(line); !content.empty() && content.front() != '#')
        add_line(mix, folder, content);
    }
    if (mix.lists.empty()) throw std::invalid_argument("no lists; a line is a weight and a list");
    whole_parts(mix.weightings.front().weights);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}:{}: {}", file.string(), number, error.what()));
  }
  return mix;
}

}  // namespace atelier
