#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/random.h"
#include "configs/settings.h"

/// What the three programs have in common: the command line, --help, --show-config, exit codes, Ctrl-C.
namespace atelier {

/// Exit codes of every program.
enum ExitCode { kGood = 0, kSystemFailed = 1, kUserMustChange = 2, kStartAgain = 75, kInterrupted = 130 };

/// A flag that is not a setting, such as --dump N.
struct Flag {
  std::string name;         ///< without dashes
  std::string placeholder;  ///< "N"; "up|down": one of these; empty: the flag takes no value and is "true" when given
  std::string help;
};

struct Invocation;

/// One of the things that a program does: `atelier-data verify`. What --help, the completions and run_command
/// (commands.h) know of it.
struct Command {
  std::string name;
  std::vector<std::string> takes;     ///< what follows the name: {"RUN"}; in brackets what may be left out: {"[LIST]"}
  std::string summary;                ///< what it does, in a sentence
  std::vector<std::string> flags;     ///< names of Program::flags
  std::vector<std::string> sections;  ///< settings that matter to it: {"seed", "data"}
  std::vector<std::string> examples;  ///< of arguments: "verify furniture/"; at least one
  std::function<int(const Invocation&)> run;  ///< returns the exit code
};

struct Program {
  std::string name;                   ///< "atelier-data"
  std::string summary;                ///< one sentence
  std::vector<std::string> sections;  ///< settings that --help shows: {"seed", "data"}
  std::vector<Flag> flags;
  std::vector<Command> commands = {};      ///< none: the program does one thing, and takes flags only
  std::string default_command = {};        ///< what it does when no command is named; empty: nothing
  std::vector<std::string> examples = {};  ///< of arguments, before those of the commands
  /// The settings that positional arguments stand for: a layer above all others, in --show-config, too.
  std::function<Layer(const std::vector<std::string>& positional)> settings_of = {};
};

/// A parsed command line.
struct Invocation {
  Resolved settings;
  std::vector<std::string> positional;                     ///< the command, and what follows it
  std::vector<std::pair<std::string, std::string>> flags;  ///< those of Program::flags that were given
  std::stop_token stop;  ///< requested by SIGINT, SIGTERM or SIGHUP; one more SIGINT ends the process at once with 130

  const Config& config() const { return settings.config; }
  std::optional<std::string> flag(const std::string& name) const;

  /// A whole number from `least` to `most` that a flag gives; nothing without the flag. Throws std::invalid_argument.
  std::optional<uint64_t> number(const std::string& name, uint64_t least = 0, uint64_t most = kMaxSeed) const;
};

/// Thrown when whoever reads stdout has had enough; run_program ends quietly with 0 then.
struct ReaderGone {};

/// Writes to stdout, and flushes. Throws ReaderGone, and std::system_error when it cannot be written.
void print(const std::string& text);

/// Parses, resolves the layers (default < --config FILE < environment < flags), answers --help (of a command that is
/// named: its own), --version, --show-config and --completion SHELL itself, else runs `body` and returns its exit code.
/// std::invalid_argument becomes one line on stderr and exit 2; Interrupted (console.h) exit 130; any other exception
/// one line and exit 1.
int run_program(const Program& program, int argc, char** argv, const std::function<int(const Invocation&)>& body);

}  // namespace atelier
