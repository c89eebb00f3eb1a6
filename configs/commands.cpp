#include "configs/commands.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "configs/nearest.h"

namespace atelier {
namespace {

bool takes(const Command& command, const std::string& flag) {
  return std::ranges::find(command.flags, flag) != command.flags.end();
}

void refuse_flags_of_others(const Program& program, const Command& command, const Invocation& invocation) {
  for (const auto& [flag, value] : invocation.flags) {
    if (takes(command, flag)) continue;
    std::vector<std::string> others;
    for (const Command& each : program.commands)
      if (takes(each, flag)) others.push_back(each.name);
    if (others.empty()) continue;  // every program's, such as --config
    throw std::invalid_argument(
        fmt::format("{} takes no --{}; leave it out (it is for {})", command.name, flag, fmt::join(others, ", ")));
  }
}

void check_arguments(const Program& program, const Command& command, const std::vector<std::string>& positional) {
  const size_t given = positional.empty() ? 0 : positional.size() - 1;
  if (given > command.takes.size())
    throw std::invalid_argument(
        fmt::format("{} takes {}; leave \"{}\" out", command.name,
                    command.takes.empty() ? "flags only" : fmt::format("{}", fmt::join(command.takes, " ")),
                    positional[1 + command.takes.size()]));
  if (given < command.takes.size() && !command.takes[given].starts_with('['))
    throw missing_argument(program, command, given);
}

}  // namespace

const Command& command_of(const Program& program, const std::vector<std::string>& positional) {
  const std::string& name = positional.empty() ? program.default_command : positional.front();
  if (name.empty())
    throw std::invalid_argument(
        fmt::format("what to do? Try: {} {}", program.name, program.commands.front().examples.front()));
  const auto command = std::ranges::find(program.commands, name, &Command::name);
  if (command != program.commands.end()) return *command;
  std::vector<std::string> names;
  for (const Command& each : program.commands) names.push_back(each.name);
  throw std::invalid_argument(fmt::format("there is no command \"{}\"; did you mean {}? They are {}", name,
                                          nearest(name, names), fmt::join(names, ", ")));
}

std::invalid_argument missing_argument(const Program& program, const Command& command, size_t which) {
  return std::invalid_argument(fmt::format("{} needs {}; try: {} {}", command.name, command.takes.at(which),
                                           program.name, command.examples.front()));
}

int run_command(const Program& program, const Invocation& invocation) {
  const Command& command = command_of(program, invocation.positional);
  refuse_flags_of_others(program, command, invocation);
  check_arguments(program, command, invocation.positional);
  return command.run(invocation);
}

}  // namespace atelier
