#pragma once

#include <string>

#include "configs/program.h"

/// Texts for people, from list_settings(). Private to configs/.
namespace atelier {

/// What --help prints: usage, commands, flags, the program's sections of settings, examples; lines of at most 100
/// columns.
std::string help_text(const Program& program);

/// What COMMAND --help prints: the same of one command.
std::string help_text(const Program& program, const Command& command);

/// What --settings prints: every setting as a row of a Markdown table.
std::string settings_markdown();

}  // namespace atelier
