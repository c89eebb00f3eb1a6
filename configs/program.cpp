#include "configs/program.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <new>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include "configs/command_line.h"
#include "configs/commands.h"
#include "configs/completion.h"
#include "configs/console.h"
#include "configs/help.h"
#include "configs/interrupt.h"
#include "configs/preset.h"
#include "configs/printable.h"

namespace atelier {
namespace {

Resolved resolve_settings(const Program& program, const CommandLine& line) {
  std::vector<Layer> layers;
  if (const auto config = line.flag("config")) layers.push_back(read_yaml_layer(find_config(*config)));
  layers.push_back(read_environment_layer(environ));
  layers.push_back(line.settings);
  if (program.settings_of) layers.push_back(program.settings_of(line.positional));
  return resolve(layers);
}

int run(const Program& program, int argc, char** argv, const std::function<int(const Invocation&)>& body) {
  const CommandLine line = parse_command_line(program, argc, argv);
  if (line.flag("help")) {
    const bool of_command = !program.commands.empty() && !line.positional.empty();
    return print(of_command ? help_text(program, command_of(program, line.positional)) : help_text(program)), kGood;
  }
  if (line.flag("version")) return print(fmt::format("{} {}\n", program.name, ATELIER_VERSION)), kGood;
  if (line.flag("settings")) return print(settings_markdown()), kGood;
  if (const auto shell = line.flag("completion")) return print(completion_script(program, *shell)), kGood;

  Invocation invocation{resolve_settings(program, line), line.positional, line.flags, {}};
  if (line.flag("show-config")) return print(to_yaml(invocation.settings)), kGood;
  const Interrupt interrupt;
  invocation.stop = interrupt.token();
  return body(invocation);
}

/// No file that the program opens may become a standard stream that was closed: what is meant for that would be written
/// into it. Reading and writing such a stream fails, as before.
void hold_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY));
}

int fail(const Program& program, const char* what, ExitCode code) {
  std::fputs(fmt::format("{}: {}\n", program.name, printable(first_line(what))).c_str(), stderr);
  return code;
}

}  // namespace

std::optional<std::string> Invocation::flag(const std::string& name) const {
  const auto found = std::find_if(flags.begin(), flags.end(), [&](const auto& given) { return given.first == name; });
  return found == flags.end() ? std::nullopt : std::optional(found->second);
}

std::optional<uint64_t> Invocation::number(const std::string& name, uint64_t least, uint64_t most) const {
  const auto text = flag(name);
  if (!text) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size() || number < least || number > most)
    throw std::invalid_argument(
        fmt::format("--{} takes a whole number from {} to {}, not \"{}\"", name, least, most, *text));
  return number;
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
  if (errno == EPIPE) throw ReaderGone();
  throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
}

int run_program(const Program& program, int argc, char** argv, const std::function<int(const Invocation&)>& body) {
  hold_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write,
  std::signal(SIGPIPE, SIG_IGN);  // and so is a reader that has had enough
  try {
    return run(program, argc, argv, body);
  } catch (const ReaderGone&) {
    return kGood;
  } catch (const Interrupted&) {
    return kInterrupted;
  } catch (const std::invalid_argument& error) {
    return fail(program, error.what(), kUserMustChange);
  } catch (const std::bad_alloc&) {
    return fail(program, "out of memory", kSystemFailed);
  } catch (const std::exception& error) {
    return fail(program, error.what(), kSystemFailed);
  }
}

}  // namespace atelier
