#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "configs/settings.h"

/// What the three programs have in common: the command line, --help, --show-config, exit codes, Ctrl-C.
namespace atelier {

/// Exit codes of every program.
enum ExitCode { kGood = 0, kSystemFailed = 1, kUserMustChange = 2, kStartAgain = 75, kInterrupted = 130 };

/// A flag that is not a setting, such as --dump N.
struct Flag {
  std::string name;         ///< without dashes
  std::string placeholder;  ///< "N"; empty: the flag takes no value and is "true" when given
  std::string help;
};

struct Program {
  std::string name;                     ///< "atelier-data"
  std::string summary;                  ///< one sentence
  std::vector<std::string> sections;    ///< settings that --help shows: {"seed", "data"}
  std::vector<std::string> positional;  ///< names of positional arguments, such as {"command", "list"}
  std::vector<Flag> flags;
  std::string examples;  ///< the end of --help
  /// The settings that positional arguments stand for: a layer above all others, in --show-config, too.
  std::function<Layer(const std::vector<std::string>& positional)> settings_of = {};
};

/// A parsed command line.
struct Invocation {
  Resolved settings;
  std::vector<std::string> positional;
  std::vector<std::pair<std::string, std::string>> flags;  ///< those of Program::flags that were given
  std::stop_token stop;  ///< requested by the first SIGINT or SIGTERM; a second one ends the process at once with 130

  const Config& config() const { return settings.config; }
  std::optional<std::string> flag(const std::string& name) const;

  /// A whole number from `least` on (to 2^53 - 1, which JSON keeps) that a flag gives; nothing without the flag. Throws
  /// std::invalid_argument.
  std::optional<uint64_t> number(const std::string& name, uint64_t least = 0) const;
};

/// Parses, resolves the layers (default < --config FILE < environment < flags), answers --help, --version,
/// --show-config and --completion SHELL itself, else runs `body` and returns its exit code. std::invalid_argument
/// becomes one line on stderr and exit 2; Interrupted (console.h) exit 130; any other exception one line and exit 1.
int run_program(const Program& program, int argc, char** argv, const std::function<int(const Invocation&)>& body);

}  // namespace atelier
