#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "configs/commands.h"
#include "configs/console.h"
#include "configs/printable.h"
#include "configs/program.h"
#include "data/ascii.h"
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

Layer settings_of(const std::vector<std::string>& given);

const Program kProgram{
    .name = "atelier-data",
    .summary = "Streams the images of a list as training would, and says how it went.",
    .sections = {"seed", "data"},
    .positional = {"command", "list", "store"},
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
    .examples =
        "  atelier-data stream furniture.jsonl\n"
        "  atelier-data stream furniture.jsonl --dump 1000 --seed 7 > order.csv\n"
        "  atelier-data labels furniture.jsonl\n"
        "  atelier-data pack furniture.jsonl furniture/ && atelier-data stream furniture/\n"
        "  atelier-data verify furniture/\n"
        "  atelier-data order furniture.jsonl --quality\n"
        "  atelier-data bench furniture.jsonl\n"
        "  atelier-data probe furniture.jsonl --sample 5000\n"
        "  atelier-data probe furniture.jsonl --sample 0 --similar\n"
        "  atelier-data credits furniture.jsonl --where 'label=chair|sofa' > CREDITS.txt\n"
        "  atelier-data retry runs/train/verdicts.jsonl furniture.jsonl --out left.jsonl\n"
        "\n"
        "stream LIST delivers batches of train.batch_size until a pass is over or Ctrl-C ends it;\n"
        "labels LIST counts the rows of each label; pack LIST STORE fetches every image (and\n"
        "with --data.condition file every condition_url) into a\n"
        "folder that takes the list's place, and goes on where it was stopped; verify STORE reads\n"
        "the folder whole and checks it; order LIST writes what stands where, as position,entry, and\n"
        "fetches nothing; with --quality it tells how well each way to shuffle mixes the list;\n"
        "bench LIST measures each stage alone and all together, and what that means for more cores;\n"
        "probe LIST asks for some of the rows and fetches none: which are alive, how large they are,\n"
        "which hosts are slow or gone, which rows repeat another, and with --similar, which fetches\n"
        "those that are alive, which pictures look alike;\n"
        "credits LIST prints the attributions that the licences of the rows demand;\n"
        "retry LEDGER [LIST] asks again for what a ledger says could not be had, and says what has\n"
        "healed; with the list it checks sha256 and condition images too, and --cache keeps what came.\n"
        "LIST is the setting data.list.\n",
    .settings_of = settings_of};

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

int run_stream(const Invocation& invocation, const Config& config) {
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
      if (dump) write_result(dump_lines(batch));
    });
    seconds = meter.seconds();
  } catch (const std::exception&) {
    write_ledger();
    throw;
  }
  write_ledger();
  if (json) write_result(summary_json(stream.report(), seconds) + "\n");
  if (!json) std::fputs(summary_text(stream.report(), seconds).c_str(), stderr);
  return complete ? kGood : kInterrupted;
}

int run_labels(const Invocation& invocation, const Config& config) {
  const auto manifest = open_list(config.data, invocation.stop);
  std::vector<uint64_t> counts(manifest->labels().size() + 1);  // the last one: rows without
  const RowSet rows = manifest->rows();
  for (uint64_t rank = 0; rank < rows.size(); ++rank) {
    const int64_t label = manifest->label_index(rows.at(rank));
    ++counts[label < 0 ? counts.size() - 1 : static_cast<size_t>(label)];
  }
  for (size_t i = 0; i < manifest->labels().size(); ++i) {
    write_result(fmt::format("{}\t{}\n", counts[i], printable(manifest->labels()[i])));
  }
  if (counts.back() > 0) write_result(fmt::format("{}\t(no label)\n", counts.back()));
  return kGood;
}

/// Of lists that are longer, the first rows tell as much.
constexpr uint64_t kQualityRows = 10'000'000;

/// How well each way to shuffle mixes the rows of one stratum; false: stopped.
bool write_quality(const Manifest& manifest, const Stratum& stratum, Order order, const std::stop_token& stop) {
  order.entries = std::min(stratum.rows.size(), kQualityRows);
  const auto label_of = [&](uint64_t slot) { return manifest.label_index(stratum.rows.at(slot)); };
  const auto line = [](const std::string& name, const OrderQuality& quality) {
    write_result(fmt::format("{:<16}{:>18.4f}{:>20.4f}{:>12.2f}\n", name, quality.rank_correlation,
                             quality.neighbour_distance, quality.label_run));
  };
  write_result(fmt::format("{:<16}{:>18}{:>20}{:>12}\n", "", "rank correlation", "neighbours apart", "label run"));
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

int run_order(const Invocation& invocation, const Config& config) {
  const auto manifest = open_list(config.data, invocation.stop);
  const StreamPlan plan = plan_list(invocation, config, manifest);
  if (!invocation.flag("quality")) {
    const StratifiedOrder order = plan.stratified_order();
    const uint64_t start = invocation.number("start").value_or(0);
    const uint64_t count = invocation.number("dump").value_or(plan.order.entries);
    for (uint64_t i = 0; i < count && !invocation.stop.stop_requested(); ++i)
      write_result(fmt::format("{},{}\n", start + i, order.row_at(start + i)));
    return invocation.stop.stop_requested() ? kInterrupted : kGood;
  }
  for (const Stratum& stratum : plan.strata) {
    if (plan.strata.size() > 1)
      write_result(fmt::format("{}, {} rows\n", printable(stratum.name), stratum.rows.size()));
    if (stratum.rows.size() < 2 && plan.strata.size() == 1)
      throw std::invalid_argument("one row cannot be shuffled; give the list more");
    if (stratum.rows.size() >= 2 && !write_quality(*manifest, stratum, plan.order, invocation.stop))
      return kInterrupted;
  }
  return kGood;
}

int run_bench(const Invocation& invocation, const Config& config) {
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
  write_result(invocation.flag("json") ? bench_json(*result) + "\n" : bench_text(*result));
  return kGood;
}

struct Command {
  const char* name;
  int (*run)(const Invocation&, const Config&);
  std::vector<std::string> flags;   ///< that it takes
  std::string_view takes = "LIST";  ///< a list and a store are data.list
  std::string_view also = {};       ///< a second argument

  size_t list_at() const { return takes == "LEDGER" ? 2 : 1; }
};
const std::vector<Command> kCommands = {
    {"stream", run_stream, {"dump", "start", "passes", "held-out", "ledger", "report", "json"}},
    {"labels", run_labels, {}},
    {"order", run_order, {"quality", "dump", "start", "held-out"}},
    {"pack", run_pack, {"shrink", "jpeg-quality", "ledger", "report", "json"}, "LIST", "STORE"},
    {"verify", run_verify, {"json"}, "STORE"},
    {"bench", run_bench, {"seconds", "json"}},
    {"probe", run_probe, {"sample", "similar", "held-out", "json"}},
    {"credits", run_credits, {"ledger", "held-out", "json"}},
    {"retry", run_retry, {"out", "json"}, "LEDGER", "LIST"}};

/// The list that was named without a flag.
Layer settings_of(const std::vector<std::string>& given) {
  Layer layer{"argument", {}};
  for (const Command& each : kCommands)
    if (!given.empty() && given[0] == each.name && given.size() > each.list_at())
      layer.values.emplace_back("data.list", given[each.list_at()]);
  return layer;
}

int run(const Invocation& invocation) {
  const auto& given = invocation.positional;
  const Config& config = invocation.config();
  if (given.empty()) throw std::invalid_argument("what to do? Try: atelier-data stream LIST");
  const Command& command = command_named(kCommands, given[0]);
  if (command.list_at() == 1 ? config.data.list.empty() : given.size() < 2) {
    throw std::invalid_argument(
        fmt::format("no {}; name one: atelier-data {} {}", lower_case(command.takes), given[0], command.takes));
  }
  const size_t most = command.also.empty() ? 2 : 3;
  if (given.size() > most)
    throw std::invalid_argument(fmt::format("{} takes {}{}{}; leave \"{}\" out", given[0], command.takes,
                                            command.also.empty() ? "" : " ", command.also, given[most]));
  refuse_flags_of_others(kCommands, command, invocation);
  try {
    return command.run(invocation, config);
  } catch (const HopelessList& error) {
    throw std::invalid_argument(error.what());
  }
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has had enough is an error of write
  try {
    return atelier::run_program(atelier::kProgram, argc, argv, atelier::run);
  } catch (const atelier::ReaderGone&) {
    return atelier::kGood;
  }
}
