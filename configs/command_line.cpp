#include "configs/command_line.h"

#include <algorithm>
#include <cxxopts.hpp>
#include <fmt/format.h>
#include <map>
#include <set>
#include <stdexcept>

#include "configs/domain.h"
#include "configs/nearest.h"

namespace atelier {
namespace {

constexpr const char* kPositional = "arguments";

/// What each flag may be: a setting (by key or alias), or a flag of the program with or without a value.
struct Vocabulary {
  std::map<std::string, std::string> settings;  // flag -> key
  std::map<std::string, std::string> alone;     // flag -> the value it means when none follows
  std::map<std::string, std::string> flags;     // flag -> its placeholder; empty: takes no value

  explicit Vocabulary(const Program& program) {
    for (const SettingInfo& setting : list_settings()) {
      settings.emplace(setting.key, setting.key);
      if (setting.type == "boolean") alone.emplace(setting.key, "true");
    }
    alone.emplace("train.resume", "must");
    for (const Alias& alias : aliases_of(program)) {
      settings.emplace(alias.flag, alias.key);
      const auto value = alone.find(std::string(alias.key));
      if (value != alone.end()) alone.emplace(alias.flag, value->second);
    }
    for (const Flag& flag : common_flags()) flags.emplace(flag.name, flag.placeholder);
    for (const Flag& flag : program.flags) flags.emplace(flag.name, flag.placeholder);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [flag, key] : settings) all.push_back(fmt::format("--{}", flag));
    for (const auto& [flag, placeholder] : flags) all.push_back(fmt::format("--{}", flag));
    return all;
  }
};

void check_argument(const std::string& argument) {
  // cxxopts matches each argument with a recursive std::regex, in which "." is no control character.
  constexpr size_t kLongest = 4096;
  if (argument.size() > kLongest) {
    throw std::invalid_argument(
        fmt::format("an argument is longer than {} bytes: {}...", kLongest, argument.substr(0, 40)));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::any_of(argument.begin(), argument.end(), is_control)) {
    throw std::invalid_argument("an argument contains control characters, such as a line break");
  }
}

/// The arguments with flags that stand alone spelled out: "--resume" becomes "--resume=must".
std::vector<std::string> spell_out(const Vocabulary& vocabulary, int argc, char** argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  for (size_t i = 1; i < arguments.size(); ++i) {
    check_argument(arguments[i]);
    if (!arguments[i].starts_with("--")) continue;
    const auto meaning = vocabulary.alone.find(arguments[i].substr(2));
    const bool is_alone = i + 1 == arguments.size() || arguments[i + 1].starts_with("--");
    if (meaning != vocabulary.alone.end() && is_alone) arguments[i] += "=" + meaning->second;
  }
  return arguments;
}

cxxopts::ParseResult parse_words(const Vocabulary& vocabulary, const std::vector<std::string>& arguments) {
  cxxopts::Options options(arguments.empty() ? "" : arguments.front());
  options.allow_unrecognised_options();  // reported below, with the nearest name
  auto add = options.add_options();
  for (const auto& [flag, key] : vocabulary.settings) add(flag, "", cxxopts::value<std::string>());
  for (const auto& [flag, placeholder] : vocabulary.flags) {
    const auto value = cxxopts::value<std::string>();
    add(flag == "help" ? "h,help" : flag, "", placeholder.empty() ? value->implicit_value("") : value);
  }
  add(kPositional, "", cxxopts::value<std::vector<std::string>>());
  options.parse_positional({kPositional});
  std::vector<const char*> words;
  words.reserve(arguments.size());
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  try {
    return options.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::missing_argument&) {
    throw std::invalid_argument(fmt::format("flag {}: needs a value", arguments.back()));
  } catch (const cxxopts::exceptions::parsing& error) {
    throw std::invalid_argument(error.what());
  }
}

[[noreturn]] void refuse_unknown(const Vocabulary& vocabulary, const std::string& word) {
  const std::string flag = word.substr(0, word.find('='));
  throw std::invalid_argument(
      fmt::format("flag {}: no such setting; did you mean {}?", flag, nearest(flag, vocabulary.names())));
}

/// A flag whose placeholder lists words takes one of them.
void check_choice(const std::string& flag, const std::string& placeholder, const std::string& value) {
  const std::vector<std::string_view> words = choices_in(placeholder);
  if (!words.empty() && std::ranges::find(words, value) == words.end())
    throw std::invalid_argument(
        fmt::format("flag --{}: cannot be \"{}\"; it takes {}", flag, value, enumerate(words.data(), words.size())));
}

/// The command and what follows it, at most.
size_t most_positional(const Program& program) {
  size_t most = 0;
  for (const Command& command : program.commands) most = std::max(most, 1 + command.takes.size());
  return most;
}

}  // namespace

std::vector<Alias> aliases_of(const Program& program) {
  std::vector<Alias> aliases(std::begin(kAliases), std::end(kAliases));
  std::erase_if(aliases, [&](const Alias& alias) {
    return std::any_of(program.flags.begin(), program.flags.end(),
                       [&](const Flag& flag) { return flag.name == alias.flag; });
  });
  return aliases;
}

const std::vector<Flag>& common_flags() {
  static const std::vector<Flag> flags = {
      {"config", "FILE", "settings from a YAML file, or from a preset by its name"},
      {"show-config", "", "print the settings in force and where each came from"},
      {"settings", "", "print a Markdown table of every setting"},
      {"completion", "bash|zsh|fish", "print completions for a shell"},
      {"version", "", "print the version"},
      {"help", "", "print this"},
  };
  return flags;
}

std::vector<std::string_view> choices_in(std::string_view text) {
  std::vector<std::string_view> words;
  if (text.find('|') == std::string_view::npos) return words;
  for (size_t begin = 0, end = 0; end != std::string_view::npos; begin = end + 1) {
    end = text.find('|', begin);
    words.push_back(text.substr(begin, end - begin));
  }
  return words;
}

std::optional<std::string> CommandLine::flag(std::string_view name) const {
  const auto found = std::find_if(flags.begin(), flags.end(), [&](const auto& given) { return given.first == name; });
  return found == flags.end() ? std::nullopt : std::optional(found->second);
}

CommandLine parse_command_line(const Program& program, int argc, char** argv) {
  const Vocabulary vocabulary(program);
  const cxxopts::ParseResult parsed = parse_words(vocabulary, spell_out(vocabulary, argc, argv));
  if (!parsed.unmatched().empty()) refuse_unknown(vocabulary, parsed.unmatched().front());
  CommandLine line;
  std::set<std::string> seen;
  for (const cxxopts::KeyValue& word : parsed.arguments()) {
    const std::string& flag = word.key();
    const std::string& value = word.value();
    if (flag == kPositional) {
      if (value.starts_with("-") && value != "-") refuse_unknown(vocabulary, value);
      if (line.positional.size() == most_positional(program)) {
        throw std::invalid_argument(fmt::format("there is no place for the argument \"{}\"", value));
      }
      line.positional.push_back(value);
      continue;
    }
    const auto setting = vocabulary.settings.find(flag);
    const bool is_setting = setting != vocabulary.settings.end();
    if (!seen.insert(is_setting ? setting->second : flag).second) {
      throw std::invalid_argument(fmt::format("flag --{}: is given twice; give it once", flag));
    }
    if (value.starts_with("--"))
      throw std::invalid_argument(fmt::format("flag --{}: needs a value, not {}", flag, value));
    if (is_setting) {
      line.settings.values.emplace_back(setting->second, value);
    } else if (const std::string& placeholder = vocabulary.flags.at(flag); !placeholder.empty()) {
      check_choice(flag, placeholder, value);
      line.flags.emplace_back(flag, value);
    } else if (value.empty()) {
      line.flags.emplace_back(flag, "true");
    } else {
      throw std::invalid_argument(fmt::format("flag --{}: takes no value, but got \"{}\"", flag, value));
    }
  }
  return line;
}

}  // namespace atelier
