#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "configs/program.h"

/// Words of the command line -> what was asked for. Private to configs/.
namespace atelier {

/// A short name of a setting.
struct Alias {
  std::string_view flag;  ///< without dashes
  std::string_view key;
};
inline constexpr Alias kAliases[] = {
    {"list", "data.list"},
    {"cache", "data.cache"},
    {"where", "data.where"},
    {"verify-list", "data.verify_list"},
    {"head", "data.head"},
    {"allow-private", "data.allow_private"},
    {"run-dir", "train.run_dir"},
    {"resume", "train.resume"},
    {"checkpoint", "generate.checkpoint"},
    {"label", "generate.label"},
    {"variations", "generate.variations"},
    {"image", "generate.image"},
    {"strength", "generate.strength"},
    {"condition", "generate.condition"},
    {"color", "generate.color"},
    {"quality", "generate.quality"},
    {"steps", "generate.steps"},
    {"guidance", "generate.guidance"},
    {"out", "generate.out"},
    {"grid", "generate.grid"},
};

/// The aliases that a program understands: its own flags come first where they have the same name.
std::vector<Alias> aliases_of(const Program& program);

/// The flags that every program has.
const std::vector<Flag>& common_flags();

/// The words of "up|down", which a flag's placeholder or a setting's type lists; none in what lists none.
std::vector<std::string_view> choices_in(std::string_view text);

struct CommandLine {
  Layer settings{"flag", {}};
  std::vector<std::pair<std::string, std::string>> flags;  ///< common ones and the program's, in the order given
  std::vector<std::string> positional;

  std::optional<std::string> flag(std::string_view name) const;
};

/// Every setting takes a value, as `--key value` or `--key=value`; a boolean that stands alone means true, and
/// train.resume means must. A flag may be given once. Throws std::invalid_argument with one sentence.
CommandLine parse_command_line(const Program& program, int argc, char** argv);

}  // namespace atelier
