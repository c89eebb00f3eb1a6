#pragma once

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/nearest.h"
#include "configs/program.h"

/// The commands of a program that has several, such as `atelier-data verify`. A `Command` has a `name` and the `flags`
/// that it takes of Program::flags.
namespace atelier {

/// Throws std::invalid_argument, which says the nearest and all others, when there is none of this name.
template <class Command>
const Command& command_named(const std::vector<Command>& commands, const std::string& name) {
  const auto command = std::ranges::find(commands, name, &Command::name);
  if (command != commands.end()) return *command;
  std::vector<std::string> names;
  for (const Command& each : commands) names.emplace_back(each.name);
  throw std::invalid_argument(fmt::format("there is no command \"{}\"; did you mean {}? They are {}", name,
                                          nearest(name, names), fmt::join(names, ", ")));
}

/// Throws std::invalid_argument for a flag that is for other commands: one that would be ignored is a mistake.
template <class Command>
void refuse_flags_of_others(const std::vector<Command>& commands, const Command& command,
                            const Invocation& invocation) {
  const auto takes = [](const Command& each, const std::string& flag) {
    return std::ranges::find(each.flags, flag) != each.flags.end();
  };
  for (const auto& [flag, value] : invocation.flags) {
    if (takes(command, flag)) continue;
    std::vector<std::string> others;
    for (const Command& each : commands)
      if (takes(each, flag)) others.emplace_back(each.name);
    if (others.empty()) continue;  // every program's, such as --config
    throw std::invalid_argument(
        fmt::format("{} takes no --{}; leave it out (it is for {})", command.name, flag, fmt::join(others, ", ")));
  }
}

}  // namespace atelier
