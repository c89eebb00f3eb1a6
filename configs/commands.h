#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/program.h"

/// Which of a program's commands is meant, and running it.
namespace atelier {

/// The command that the first of `positional` names, or the default one. Throws std::invalid_argument, which says the
/// nearest and all others, when there is none of this name.
const Command& command_of(const Program& program, const std::vector<std::string>& positional);

/// That `command` lacks one of what it takes, with an example.
std::invalid_argument missing_argument(const Program& program, const Command& command, size_t which);

/// Runs the command of an invocation. Throws std::invalid_argument when an argument is missing or too many, and for a
/// flag that is for other commands: one that would be ignored is a mistake.
int run_command(const Program& program, const Invocation& invocation);

}  // namespace atelier
