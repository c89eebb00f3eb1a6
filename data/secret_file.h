#pragma once

#include <string>

namespace atelier {

/// The bytes of a file that holds a secret, 1 MiB at most. Throws std::invalid_argument when it cannot be read or is
/// open to everybody on this machine.
std::string read_secret(const std::string& file);

}  // namespace atelier
