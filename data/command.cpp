#include "data/command.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include "base/files.h"
#include "configs/console.h"
#include "data/open_source.h"

namespace atelier {

std::optional<std::string> file_flag(const Invocation& invocation, const char* name, const DataConfig& data) {
  auto file = invocation.flag(name);
  if (!file) return file;
  const auto folder = std::filesystem::absolute(*file).parent_path();
  std::error_code none;
  if (std::filesystem::exists(*file, none) && !std::filesystem::is_regular_file(*file, none))
    throw std::invalid_argument(fmt::format("--{} cannot be {}: that is no regular file", name, *file));
  for (const std::string& read : {data.list, data.credentials, data.netrc, data.ca_file})
    if (std::filesystem::equivalent(*file, read, none))
      throw std::invalid_argument(fmt::format("--{} cannot be {}: that is read here; name another file", name, *file));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw std::invalid_argument(fmt::format("--{} cannot be {}: nothing can be written to {} ({})", name, *file,
                                            folder.string(), std::generic_category().message(errno)));
  return file;
}

std::shared_ptr<const Manifest> open_list(const DataConfig& data, const std::stop_token& stop) {
  Console console;
  return open_list(data, show_share(console, "reading the list", stop),
                   [&](const std::string& sentence) { console.warn(sentence); });
}

StreamPlan plan_list(const Invocation& invocation, const Config& config,
                     const std::shared_ptr<const Manifest>& manifest) {
  Console console;
  return plan_stream(config, manifest, invocation.flag("held-out").has_value(),
                     show_share(console, "reading the shapes", invocation.stop));
}

Verdicts read_ledger(const std::filesystem::path& file) {
  try {
    return Verdicts::from_jsonl(read_file(file));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(
        fmt::format("{}: {}; name a ledger, such as a run's verdicts.jsonl", file.string(), error.what()));
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(fmt::format("{}; name a ledger, such as a run's verdicts.jsonl", error.what()));
  }
}

bool take_samples(Stream& stream, const std::stop_token& stop, const std::function<void(const Batch& batch)>& take) {
  while (stream.state().position < stream.plan().end) {
    const Batch batch = stream.next(stop);
    if (batch.size == 0) return false;
    if (take) take(batch);
  }
  return true;
}

void warn_of_cache(const std::string& sentence) { Console().warn("the cache is no longer filled: " + sentence); }

}  // namespace atelier
