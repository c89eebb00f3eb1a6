#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>

#include "base/files.h"
#include "configs/console.h"
#include "data/command.h"
#include "data/fault_counts.h"
#include "data/ledger_retry.h"
#include "data/open_source.h"
#include "data/store.h"

// atelier-data retry LEDGER [LIST]

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A checkpoint's ledger is sealed: another one in its place would be damage.
void check_out(const fs::path& file) {
  if (fs::exists(fs::absolute(file).parent_path() / "state.json"))
    throw std::invalid_argument(
        fmt::format("--out cannot be {}: a checkpoint's files are sealed; name another file", file.string()));
}

std::string progress_line(const RetryReport& report) {
  return fmt::format("{} of {} entries asked for again, {} healed; failing with: {}", grouped(report.asked),
                     grouped(report.entries), grouped(report.healed), faults_text(report.failing_with));
}

}  // namespace

int run_retry(const Invocation& invocation) {
  const Config& config = invocation.config();
  const auto out = file_flag(invocation, "out", config.data);
  if (out) check_out(*out);
  const Verdicts ledger = read_ledger(invocation.positional.at(1));
  if (Store::is_store(config.data.list))
    throw std::invalid_argument(
        fmt::format("{} is a store; retry asks the network, so name the list that was packed", config.data.list));
  if (config.data.list.empty() && !config.data.cache.empty())
    throw std::invalid_argument("a cache belongs to a list; name it: atelier-data retry LEDGER LIST --cache DIR");
  const auto manifest = config.data.list.empty() ? nullptr : open_list(config.data, invocation.stop);
  const MakeSource source = manifest ? open_source(config.data, manifest, warn_of_cache) : web_source(config.data);

  Console console;
  const RetryReport report = retry_ledger(
      config, ledger, source, manifest.get(),
      [&](const RetryReport& now) {
        if (console.progress_due()) console.progress(progress_line(now));
      },
      invocation.stop);
  console.clear();
  if (out) publish_file(*out, report.left.to_jsonl());
  print(invocation.flag("json") ? retry_json(report) + '\n' : retry_text(report));
  if (out) console.say(fmt::format("{} verdicts left in {}", report.left.all().size(), *out));
  return invocation.stop.stop_requested() ? kInterrupted : kGood;
}

}  // namespace atelier
