#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/files.h"
#include "configs/commands.h"
#include "configs/console.h"
#include "configs/printable.h"
#include "configs/program.h"
#include "data/bench.h"
#include "data/command.h"
#include "data/manifest.h"
#include "data/meter.h"
#include "data/open_source.h"
#include "data/order_quality.h"
#include "data/progress.h"
#include "data/stream.h"

// atelier-data: the stream alone, to look at a list and at how fast it comes in.

namespace atelier {
namespace {

uint64_t samples_of(uint64_t passes, uint64_t entries) {
  const uint64_t most = std::numeric_limits<uint64_t>::max() / entries;
  if (passes > most)
    throw std::invalid_argument(fmt::format("--passes takes at most {} for a list of {} rows", most, entries));
  return passes * entries;
}

/// "position,entry,sha256" for each sample of a batch.
std::string dump_lines(const Batch& batch) {
  const size_t bytes = 3 * static_cast<size_t>(batch.height) * static_cast<size_t>(batch.width);
  std::string lines;
  for (size_t i = 0; i < batch.positions.size(); ++i) {
    const std::span<const uint8_t> pixels(batch.images + i * bytes, bytes);
    lines += fmt::format("{},{},{}\n", batch.positions[i], batch.entries[i], sha256_hex(std::as_bytes(pixels)));
  }
  return lines;
}

int run_stream(const Invocation& invocation) {
  const Config& config = invocation.config();
  const auto dump = invocation.number("dump");
  const bool json = invocation.flag("json").has_value();
  if (dump && json) throw std::invalid_argument("--dump and --json both write to stdout; leave one out");

  const auto ledger = file_flag(invocation, "ledger", config.data);
  const auto report = file_flag(invocation, "report", config.data);
  if (ledger && ledger == report) throw std::invalid_argument("--ledger and --report need a file each");

  const auto manifest = open_list(config.data, invocation.stop);
  StreamPlan plan = plan_list(invocation, config, manifest);
  plan.start.position = invocation.number("start").value_or(0);
  const uint64_t total = dump ? *dump : samples_of(invocation.number("passes").value_or(1), plan.order.entries);
  plan.end = plan.start.position + std::min(total, plan.end - plan.start.position);

  Stream stream(config, std::move(plan), open_source(config.data, manifest, warn_of_cache));
  const auto write_ledger = [&] {
    if (ledger) publish_file(*ledger, stream.ledger().to_jsonl());
  };
  bool complete = false;
  double seconds = 0;
  try {
    const Meter meter(stream, total, report);
    complete = take_samples(stream, invocation.stop, [&](const Batch& batch) {
      if (dump) print(dump_lines(batch));
    });
    seconds = meter.seconds();
  } catch (const std::exception&) {
    write_ledger();
    throw;
  }
  write_ledger();
  if (json) print(summary_json(stream.report(), seconds) + "\n");
  if (!json) std::fputs(summary_text(stream.report(), seconds).c_str(), stderr);
  return complete ? kGood : kInterrupted;
}

int run_labels(const Invocation& invocation) {
  const Config& config = invocation.config();
  const auto manifest = open_list(config.data, invocation.stop);
  std::vector<uint64_t> counts(manifest->labels().size() + 1);  // the last one: rows without
  const RowSet rows = manifest->rows();
  for (uint64_t rank = 0; rank < rows.size(); ++rank) {
    const int64_t label = manifest->label_index(rows.at(rank));
    ++counts[label < 0 ? counts.size() - 1 : static_cast<size_t>(label)];
  }
  for (size_t i = 0; i < manifest->labels().size(); ++i) {
    print(fmt::format("{}\t{}\n", counts[i], printable(manifest->labels()[i])));
  }
  if (counts.back() > 0) print(fmt::format("{}\t(no label)\n", counts.back()));
  return kGood;
}

/// Of lists that are longer, the first rows tell as much.
constexpr uint64_t kQualityRows = 10'000'000;

/// How well each way to shuffle mixes the rows of one stratum; false: stopped.
bool write_quality(const Manifest& manifest, const Stratum& stratum, Order order, const std::stop_token& stop) {
  order.entries = std::min(stratum.rows.size(), kQualityRows);
  const auto label_of = [&](uint64_t slot) { return manifest.label_index(stratum.rows.at(slot)); };
  const auto line = [](const std::string& name, const OrderQuality& quality) {
    print(fmt::format("{:<16}{:>18.4f}{:>20.4f}{:>12.2f}\n", name, quality.rank_correlation, quality.neighbour_distance,
                      quality.label_run));
  };
  print(fmt::format("{:<16}{:>18}{:>20}{:>12}\n", "", "rank correlation", "neighbours apart", "label run"));
  line("perfect", perfect_quality(order.entries, label_of));
  for (const auto& [name, mode] : {std::pair<std::string, OrderMode>{"full", OrderMode::kFull},
                                   {fmt::format("window {}", order.window), OrderMode::kWindow},
                                   {"none", OrderMode::kNone}}) {
    if (stop.stop_requested()) return false;
    order.mode = mode;
    line(name, quality_of(order, label_of));
  }
  return true;
}

int run_order(const Invocation& invocation) {
  const Config& config = invocation.config();
  const auto manifest = open_list(config.data, invocation.stop);
  const StreamPlan plan = plan_list(invocation, config, manifest);
  if (!invocation.flag("quality")) {
    const StratifiedOrder order = plan.stratified_order();
    const uint64_t start = invocation.number("start").value_or(0);
    const uint64_t count = invocation.number("dump").value_or(plan.order.entries);
    for (uint64_t i = 0; i < count && !invocation.stop.stop_requested(); ++i)
      print(fmt::format("{},{}\n", start + i, order.row_at(start + i)));
    return invocation.stop.stop_requested() ? kInterrupted : kGood;
  }
  for (const Stratum& stratum : plan.strata) {
    if (plan.strata.size() > 1) print(fmt::format("{}, {} rows\n", printable(stratum.name), stratum.rows.size()));
    if (stratum.rows.size() < 2 && plan.strata.size() == 1)
      throw std::invalid_argument("one row cannot be shuffled; give the list more");
    if (stratum.rows.size() >= 2 && !write_quality(*manifest, stratum, plan.order, invocation.stop))
      return kInterrupted;
  }
  return kGood;
}

int run_bench(const Invocation& invocation) {
  const Config& config = invocation.config();
  const uint64_t seconds = invocation.number("seconds").value_or(3);
  if (seconds == 0 || seconds > 3600)
    throw std::invalid_argument(fmt::format("--seconds takes 1 to 3600, not {}", seconds));
  const auto manifest = open_list(config.data, invocation.stop);
  Console console;
  const auto result = bench(
      config, manifest,
      {.seconds = static_cast<double>(seconds),
       .now = [&](const std::string& stage) { console.say(fmt::format("measuring {} for {} s", stage, seconds)); },
       .stop = invocation.stop});
  if (!result) return kInterrupted;
  print(invocation.flag("json") ? bench_json(*result) + "\n" : bench_text(*result));
  return kGood;
}

/// The list that was named without a flag.
Layer settings_of(const std::vector<std::string>& given) {
  const size_t at = !given.empty() && given[0] == "retry" ? 2 : 1;  // after the ledger
  Layer layer{"argument", {}};
  if (given.size() > at) layer.values.emplace_back("data.list", given[at]);
  return layer;
}

const std::vector<std::string> kStream = {"seed", "data"}, kData = {"data"};

const Program kProgram{
    .name = "atelier-data",
    .summary = "Streams the images of a list as training would, and says how it went. LIST is the setting data.list.",
    .sections = kStream,
    .flags =
        {
            {"dump", "N", "write the first N positions to stdout as position,entry,sha256 and end"},
            {"quality", "", "how well the list is mixed, by each way to shuffle"},
            {"start", "POSITION", "begin there instead of at 0"},
            {"passes", "K", "end after K passes over the list (1)"},
            {"held-out", "", "stream the rows that training does not see"},
            {"ledger", "FILE", "write a JSON line for each entry that could not be had; credits: leave those out"},
            {"report", "FILE", "write how it goes to a file as JSON: every 30 s, and at the end"},
            {"seconds", "S", "bench: measure each stage for so long (3)"},
            {"json", "", "write the summary to stdout as JSON"},
            {"shrink", "PIXELS", "pack: keep larger images as JPEG with a shorter edge of so many pixels"},
            {"jpeg-quality", "Q", "pack: of those JPEGs, 1 to 100 (90)"},
            {"sample", "N", "probe: rows to ask for, drawn by the seed; 0: all (1000)"},
            {"similar", "", "probe: fetch them too, and group the pictures that look alike"},
            {"out", "FILE", "retry: write the ledger without what has healed"},
        },
    .commands =
        {{.name = "stream",
          .takes = {"[LIST]"},
          .summary = "delivers batches of train.batch_size until a pass is over or Ctrl-C ends it",
          .flags = {"dump", "start", "passes", "held-out", "ledger", "report", "json"},
          .sections = kStream,
          .examples = {"stream furniture.jsonl", "stream furniture.jsonl --dump 1000 --seed 7 > order.csv"},
          .run = run_stream},
         {.name = "labels",
          .takes = {"[LIST]"},
          .summary = "counts the rows of each label",
          .flags = {},
          .sections = kData,
          .examples = {"labels furniture.jsonl"},
          .run = run_labels},
         {.name = "order",
          .takes = {"[LIST]"},
          .summary =
              "writes what stands where, as position,entry, and fetches nothing; with --quality it tells how well "
              "each way to shuffle mixes the list",
          .flags = {"quality", "dump", "start", "held-out"},
          .sections = kStream,
          .examples = {"order furniture.jsonl --quality"},
          .run = run_order},
         {.name = "pack",
          .takes = {"[LIST]", "[STORE]"},
          .summary =
              "fetches every image (and with --data.condition file every condition_url) into a folder that takes "
              "the list's place, and goes on where it was stopped",
          .flags = {"shrink", "jpeg-quality", "ledger", "report", "json"},
          .sections = kData,
          .examples = {"pack furniture.jsonl furniture/"},
          .run = run_pack},
         {.name = "verify",
          .takes = {"[STORE]"},
          .summary = "reads the folder that pack has made whole, and checks it",
          .flags = {"json"},
          .sections = kData,
          .examples = {"verify furniture/"},
          .run = run_verify},
         {.name = "bench",
          .takes = {"[LIST]"},
          .summary = "measures each stage alone and all together, and what that means for more cores",
          .flags = {"seconds", "json"},
          .sections = kStream,
          .examples = {"bench furniture.jsonl"},
          .run = run_bench},
         {.name = "probe",
          .takes = {"[LIST]"},
          .summary = "asks for some of the rows and fetches none: which are alive, how large they are, which hosts are "
                     "slow or gone, which rows repeat another, and with --similar, which fetches those that are alive, "
                     "which pictures look alike",
          .flags = {"sample", "similar", "held-out", "json"},
          .sections = kStream,
          .examples = {"probe furniture.jsonl --sample 5000", "probe furniture.jsonl --sample 0 --similar"},
          .run = run_probe},
         {.name = "credits",
          .takes = {"[LIST]"},
          .summary = "prints the attributions that the licences of the rows demand",
          .flags = {"ledger", "held-out", "json"},
          .sections = kData,
          .examples = {"credits furniture.jsonl --where 'label=chair|sofa' > CREDITS.txt"},
          .run = run_credits},
         {.name = "retry",
          .takes = {"LEDGER", "[LIST]"},
          .summary = "asks again for what a ledger says could not be had, and says what has healed; with the list it "
                     "checks sha256 and condition images too, and --cache keeps what came",
          .flags = {"out", "json"},
          .sections = kData,
          .examples = {"retry runs/train/verdicts.jsonl furniture.jsonl --out left.jsonl"},
          .run = run_retry}},
    .settings_of = settings_of};

int run(const Invocation& invocation) {
  const Command& command = command_of(kProgram, invocation.positional);
  if (invocation.config().data.list.empty() && command.takes[0].starts_with('['))
    throw missing_argument(kProgram, command, 0);
  return run_command(kProgram, invocation);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) { return atelier::run_program(atelier::kProgram, argc, argv, atelier::run); }
