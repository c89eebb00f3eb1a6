#pragma once

#include <string>

#include "configs/program.h"

namespace atelier {

/// A script that completes the program's flags, settings and choices. Private to configs/.
///   shell   "bash", "zsh" or "fish"; else throws std::invalid_argument
std::string completion_script(const Program& program, const std::string& shell);

}  // namespace atelier
