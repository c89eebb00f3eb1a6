#include "configs/help.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "configs/command_line.h"

namespace atelier {
namespace {

constexpr size_t kColumns = 100;

/// The words of `text` in lines of at most `width` columns. A longer word has a line of its own.
std::vector<std::string> wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines{""};
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (line.size() + 1 + word.size() <= width) {
      line += ' ' + word;
    } else {
      lines.push_back(word);
    }
    begin = end + 1;
  }
  return lines;
}

struct Row {
  std::string name, fallback, help;
};

/// Rows in three columns; the last one is wrapped.
std::string table(const std::vector<Row>& rows) {
  size_t name_width = 0, fallback_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, row.name.size());
    fallback_width = std::max(fallback_width, row.fallback.size());
  }
  const size_t indent = 2 + name_width + 2 + (fallback_width > 0 ? fallback_width + 2 : 0);
  std::string text;
  for (const Row& row : rows) {
    std::string start = fmt::format("  {:<{}}", row.name, name_width);
    if (fallback_width > 0) start += fmt::format("  {:<{}}", row.fallback, fallback_width);
    for (const std::string& line : wrap(row.help, kColumns - indent)) {
      text += fmt::format("{:<{}}{}\n", start, indent, line);
      start.clear();
    }
  }
  return text;
}

Row flag_row(const Flag& flag) {
  return {fmt::format("--{}{}{}", flag.name, flag.placeholder.empty() ? "" : " ", flag.placeholder), "", flag.help};
}

/// Unit and range, as far as there are any: " [seconds, 0.1..3600]".
std::string bracket(const SettingInfo& setting) {
  const std::string allowed = choices_in(setting.type).empty() ? setting.range : setting.type;
  if (setting.unit.empty() && allowed.empty()) return "";
  return fmt::format(" [{}{}{}]", setting.unit, setting.unit.empty() || allowed.empty() ? "" : ", ", allowed);
}

std::vector<Row> setting_rows(const std::string& section) {
  std::vector<Row> rows;
  for (const SettingInfo& setting : list_settings()) {
    if (setting.key != section && !setting.key.starts_with(section + ".")) continue;
    const std::string fallback = setting.type == "text" && setting.fallback.empty() ? "\"\"" : setting.fallback;
    rows.push_back({fmt::format("--{}", setting.key), fallback, setting.help + bracket(setting)});
  }
  return rows;
}

std::vector<Row> alias_rows(const std::vector<std::string>& sections) {
  std::vector<Row> rows;
  for (const Alias& alias : kAliases) {
    const std::string section(alias.key.substr(0, alias.key.find('.')));
    if (std::find(sections.begin(), sections.end(), section) == sections.end()) continue;
    rows.push_back({fmt::format("--{}", alias.flag), "", fmt::format("--{}", alias.key)});
  }
  return rows;
}

std::string flags_text(const std::vector<Flag>& flags) {
  std::vector<Row> rows;
  rows.reserve(flags.size() + common_flags().size());
  for (const Flag& flag : flags) rows.push_back(flag_row(flag));
  for (const Flag& flag : common_flags()) rows.push_back(flag_row(flag));
  return "\nFlags:\n" + table(rows);
}

std::string settings_text(const std::vector<std::string>& sections) {
  std::vector<Row> rows;
  for (const std::string& section : sections)
    for (Row& row : setting_rows(section)) rows.push_back(std::move(row));
  if (rows.empty()) return "";
  std::string text =
      "\nSettings and their defaults. Later wins: default, --config FILE, environment, flag.\n" + table(rows);
  const std::vector<Row> aliases = alias_rows(sections);
  return aliases.empty() ? text : text + "\nShort names:\n" + table(aliases);
}

std::string examples_text(const Program& program, const std::vector<std::string>& examples) {
  std::string text = "\nExamples:\n";
  for (const std::string& example : examples) text += fmt::format("  {} {}\n", program.name, example);
  return examples.empty() ? "" : text;
}

/// "pack LIST STORE"
std::string call_of(const Command& command) {
  std::string call = command.name;
  for (const std::string& taken : command.takes) call += " " + taken;
  return call;
}

/// A bar would end a cell.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string code(const std::string& text) { return text.empty() ? "" : fmt::format("`{}`", cell(text)); }

}  // namespace

std::string help_text(const Program& program) {
  std::string text = fmt::format("{}\n\nUsage: {}{} [--flag value ...]\n", program.summary, program.name,
                                 program.commands.empty() ? "" : " [COMMAND] [argument ...]");
  std::vector<Row> commands;
  std::vector<std::string> examples = program.examples;
  for (const Command& command : program.commands) {
    commands.push_back({call_of(command), "", command.summary});
    examples.insert(examples.end(), command.examples.begin(), command.examples.end());
  }
  if (!commands.empty())
    text += fmt::format("\nCommands; {} COMMAND --help tells each alone:\n", program.name) + table(commands);
  return text + flags_text(program.flags) + settings_text(program.sections) + examples_text(program, examples);
}

std::string help_text(const Program& program, const Command& command) {
  std::vector<Flag> flags;
  for (const Flag& flag : program.flags)
    if (std::ranges::find(command.flags, flag.name) != command.flags.end()) flags.push_back(flag);
  std::string text;
  for (const std::string& line : wrap(fmt::format("{} {} {}.", program.name, command.name, command.summary), kColumns))
    text += line + "\n";
  text += fmt::format("\nUsage: {} {} [--flag value ...]\n", program.name, call_of(command));
  return text + flags_text(flags) + settings_text(command.sections) + examples_text(program, command.examples);
}

std::string settings_markdown() {
  std::string text =
      "| setting | environment | default | unit | range | what it is |\n"
      "|---|---|---|---|---|---|\n";
  for (const SettingInfo& setting : list_settings()) {
    const bool is_number = setting.type == "integer" || setting.type == "number" || setting.type == "integer or none";
    const std::string range = setting.range.empty() ? setting.type : setting.range;
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", code(setting.key), code(setting.environment),
                        code(setting.fallback), setting.unit, is_number ? range : cell(range), cell(setting.help));
  }
  return text;
}

}  // namespace atelier
