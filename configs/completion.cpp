#include "configs/completion.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <stdexcept>
#include <vector>

#include "configs/command_line.h"
#include "configs/preset.h"

namespace atelier {
namespace {

/// One flag as a shell sees it.
struct Completion {
  std::string flag, help;
  bool takes_value = true;
  std::string values;  ///< separated by spaces; empty: a file name, or anything
  bool files = true;   ///< it may also be a file name
};

/// "a|b" -> "a b"; nothing where there is no choice.
std::string choices_of(const std::string& type) { return fmt::format("{}", fmt::join(choices_in(type), " ")); }

std::string values_of(const SettingInfo& setting) {
  return setting.type == "boolean" ? "true false" : choices_of(setting.type);
}

std::string values_of(const Flag& flag) {
  if (flag.name == "config") return fmt::format("{}", fmt::join(preset_names(), " "));
  return choices_of(flag.placeholder);
}

std::string command_names(const Program& program) {
  std::string names;
  for (const Command& command : program.commands) names += (names.empty() ? "" : " ") + command.name;
  return names;
}

std::vector<Completion> completions(const Program& program) {
  std::vector<Completion> all;
  std::map<std::string, Completion> by_key;
  for (const SettingInfo& setting : list_settings()) {
    all.push_back({setting.key, setting.help, true, values_of(setting), false});
    by_key.emplace(setting.key, all.back());
  }
  for (const Alias& alias : aliases_of(program)) {
    Completion completion = by_key.at(std::string(alias.key));
    completion.flag = alias.flag;
    all.push_back(std::move(completion));
  }
  for (const auto* flags : {&program.flags, &common_flags()}) {
    for (const Flag& flag : *flags) {
      all.push_back({flag.name, flag.help, !flag.placeholder.empty(), values_of(flag), flag.name == "config"});
    }
  }
  return all;
}

/// "atelier-train" as the name of a shell function.
std::string function_name(const Program& program) {
  std::string name = fmt::format("_{}", program.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// `text` between single quotes for a POSIX shell and for fish.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string bash_script(const Program& program) {
  std::string flags, cases;
  for (const Completion& completion : completions(program)) {
    flags += " --" + completion.flag;
    if (completion.values.empty()) continue;
    cases += fmt::format("    --{}) mapfile -t COMPREPLY < <(compgen {}-W '{}' -- \"$word\"); return ;;\n",
                         completion.flag, completion.files ? "-f " : "", completion.values);
  }
  // bash splits words at "=", so that --flag=va arrives as three words.
  return fmt::format(R"({0}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  if [[ $word == "=" ]]; then
    word=
  elif [[ $before == "=" ]]; then
    before=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  case $before in
{1}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{2}' -- "$word")
  elif ((COMP_CWORD == 1)) && [[ -n '{4}' ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{4}' -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F {0} {3}
)",
                     function_name(program), cases, flags.substr(1), program.name, command_names(program));
}

std::string zsh_script(const Program& program) {
  std::string specs;
  for (const Completion& completion : completions(program)) {
    std::string help;
    for (const char c : completion.help)
      help += c == '[' || c == ']' || c == ':' ? std::string("\\") + c : std::string(1, c);
    std::string spec = fmt::format("--{}{}[{}]", completion.flag, completion.takes_value ? "=" : "", help);
    if (!completion.values.empty()) {
      spec += completion.files ? ":value:{compadd " + completion.values + "; _files}"
                               : ":value:(" + completion.values + ")";
    } else if (completion.takes_value) {
      spec += ":value:_files";
    }
    specs += " \\\n    " + quoted(spec);
  }
  const std::string commands =
      program.commands.empty() ? "" : fmt::format(" \\\n    '1:command:({})'", command_names(program));
  return fmt::format("#compdef {0}\n{1}() {{\n  _arguments{2}{3} \\\n    '*:file:_files'\n}}\ncompdef {1} {0}\n",
                     program.name, function_name(program), specs, commands);
}

std::string fish_script(const Program& program) {
  std::string script;
  for (const Command& command : program.commands)
    script += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program.name, command.name,
                          quoted(command.summary));
  for (const Completion& completion : completions(program)) {
    std::string value;
    if (!completion.values.empty()) {
      value = (completion.files ? " -r -a " : " -x -a ") + quoted(completion.values);
    } else if (completion.takes_value) {
      value = " -r";
    }
    script +=
        fmt::format("complete -c {} -l {}{} -d {}\n", program.name, completion.flag, value, quoted(completion.help));
  }
  return script;
}

}  // namespace

std::string completion_script(const Program& program, const std::string& shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  throw std::invalid_argument(fmt::format("there are completions for bash, zsh and fish, not for {}", shell));
}

}  // namespace atelier
