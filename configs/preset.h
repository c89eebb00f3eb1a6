#pragma once

#include <string>
#include <vector>

namespace atelier {

/// The file that `--config NAME` means. A NAME with a slash or ending in .yaml or .yml is a path, and so is one that
/// exists; any other is a preset: NAME.yaml in share/atelier/configs/ (installed) or configs/ (a checkout) of the
/// nearest folder above the running program that has one. Throws std::invalid_argument with the presets there are.
/// Private to configs/.
std::string find_config(const std::string& name);

/// The presets that there are, sorted. Private to configs/.
std::vector<std::string> preset_names();

}  // namespace atelier
