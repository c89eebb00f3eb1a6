#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>

#include "base/files.h"
#include "configs/console.h"
#include "data/command.h"
#include "data/develop.h"
#include "data/meter.h"
#include "data/mix.h"
#include "data/open_source.h"
#include "data/progress.h"
#include "data/shrinking_source.h"
#include "data/store.h"
#include "data/stream.h"

// atelier-data pack LIST STORE, and verify STORE

namespace atelier {
namespace {

/// "1 shard", "2 shards".
std::string count_of(uint64_t count, const std::string& one, const std::string& several = {}) {
  return fmt::format("{} {}", count, count == 1 ? one : several.empty() ? one + "s" : several);
}

/// What --shrink and --jpeg-quality ask for; side 0: nothing.
Shrinking shrinking_of(const Invocation& invocation) {
  const auto side = invocation.number("shrink", 8, 8192), quality = invocation.number("jpeg-quality", 1, 100);
  if (!side && quality) throw std::invalid_argument("--jpeg-quality is that of --shrink; give a size, too");
  Shrinking shrinking;
  if (side) shrinking.side = static_cast<int>(*side);
  if (quality) shrinking.quality = static_cast<int>(*quality);
  return shrinking;
}

/// That nobody else packs into `folder` meanwhile; a kill releases it.
FileLock lock_packing(const std::filesystem::path& folder) {
  constexpr size_t kMostText = 1000;
  const std::filesystem::path file = folder / "packing";
  auto lock = FileLock::try_acquire(file);
  if (!lock) {
    const std::string who = read_file(file, kMostText);
    throw std::invalid_argument(
        fmt::format("{} is being filled by another pack ({}); wait for its end, or stop it: what it has sealed stays",
                    folder.string(), who.empty() ? "which has just begun" : who));
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::ofstream(file, std::ios::trunc) << fmt::format("process {} on {}", ::getpid(), host.data());
  return std::move(*lock);
}

/// The url and the label of an item.
std::pair<std::string, std::string> describe(const Manifest& manifest, const Item& item) {
  const Entry entry = manifest.entry(item.row);
  const int64_t label = manifest.label_index(item.row);
  return {item.condition ? entry.condition_url.value_or("") : entry.url,
          label < 0 ? "" : manifest.labels()[static_cast<size_t>(label)]};
}

/// Nothing: stopped before its end.
std::optional<StoreMending> mend(Store& store, const Manifest& manifest, const std::stop_token& stop) {
  Console console;
  const auto describe_item = [&](const Item& item) { return describe(manifest, item); };
  try {
    return store.mend(describe_item, show_share(console, "mending the store", stop));
  } catch (const Interrupted&) {
    console.clear();
    return std::nullopt;
  }
}

/// "; mended: ..." or nothing.
std::string mending_text(const StoreMending& mending) {
  std::string text;
  if (mending.adopted > 0) text += fmt::format("; found {} again", count_of(mending.adopted, "image"));
  if (mending.moved > 0) text += fmt::format("; sealed {} of damaged shards anew", count_of(mending.moved, "image"));
  if (mending.removed > 0)
    text += fmt::format("; removed {} that nothing led to ({:.1f} MB)", count_of(mending.removed, "shard"),
                        static_cast<double>(mending.removed_bytes) / 1e6);
  return text;
}

/// A store with a copy of the list, whose rows it will hold.
std::shared_ptr<Store> begin_store(const std::filesystem::path& folder, const Manifest& manifest,
                                   const Shrinking& shrinking) {
  const StoreIdentity identity{
      .list_sha256 = manifest.sha256(),
      .rows = manifest.size(),
      .list = "list" + manifest.text_file().extension().string(),
      .packing = shrinking.side == 0 ? "" : fmt::format("jpeg {} {}", shrinking.side, shrinking.quality)};
  auto store = std::make_shared<Store>(folder, identity);
  store->keep_list(manifest.text());
  return store;
}

std::string check_text(const Store& store, const StoreCheck& found) {
  std::string text;
  for (const std::string& damage : found.damages) text += damage + "\n";
  text += fmt::format("{} in {}, {:.1f} MB; {} of {} rows have their image; {} found\n",
                      count_of(found.bodies, "body", "bodies"), count_of(found.shards, "shard"),
                      static_cast<double>(found.bytes) / 1e6, found.rows, store.identity().rows,
                      count_of(found.damages.size(), "damage"));
  if (found.unused > 0)
    text += fmt::format("{} ({:.1f} MB) that nothing leads to\n", count_of(found.unused, "shard"),
                        static_cast<double>(found.unused_bytes) / 1e6);
  if (found.unused > 0 || !found.damages.empty())
    text +=
        "atelier-data pack, with the same list and folder, fetches again what is damaged and removes what nothing "
        "leads to\n";
  return text;
}

std::string check_json(const Store& store, const StoreCheck& found) {
  const nlohmann::ordered_json json = {{"shards", found.shards},
                                       {"bodies", found.bodies},
                                       {"bytes", found.bytes},
                                       {"rows", store.identity().rows},
                                       {"images", found.rows},
                                       {"unused_shards", found.unused},
                                       {"unused_bytes", found.unused_bytes},
                                       {"damages", found.damages}};
  return json.dump() + "\n";
}

}  // namespace

int run_pack(const Invocation& invocation) {
  const Config& given = invocation.config();
  if (invocation.positional.size() < 3)
    throw std::invalid_argument("pack where? Name a folder: atelier-data pack LIST STORE");
  const std::filesystem::path folder = invocation.positional[2];
  Config config = given;
  if (Store::is_store(config.data.list))
    throw std::invalid_argument(fmt::format("{} is a store already; pack takes a list", config.data.list));
  if (is_mix(config.data.list))
    throw std::invalid_argument(fmt::format(
        "{} is a mix; pack its lists one by one, and name the stores in the mix instead", config.data.list));
  const auto ledger = file_flag(invocation, "ledger", config.data);
  const auto report = file_flag(invocation, "report", config.data);
  if (ledger && ledger == report) throw std::invalid_argument("--ledger and --report need a file each");
  const Shrinking shrinking = shrinking_of(invocation);
  const auto manifest = open_list(config.data, invocation.stop);
  const auto store = begin_store(folder, *manifest, shrinking);
  const FileLock packing = lock_packing(folder);
  config.data.shuffle = Shuffle::kNone;  // one pass over all rows, each once
  config.data.shapes = Shapes::kSquare;
  config.data.balance = Balance::kNone;
  config.data.held_out = 0;
  config.data.max_failure_rate = 1;  // what can be had is worth having
  StreamPlan plan = plan_stream(config, manifest);
  plan.augment = false;
  plan.end = plan.rows.size();
  const RowSet rows = plan.rows;

  bool complete = false;
  StreamReport went;
  double seconds = 0;
  // Of the store; told at the latest when the stream goes, or by a source that a stall has left behind.
  const auto failure = std::make_shared<std::string>();
  std::stop_source leave;  // at Ctrl-C, and when the disk refuses: what came after would be for nothing
  const std::stop_callback interrupted(invocation.stop, [&] { leave.request_stop(); });
  {
    MakeSource bytes = web_source(config.data);
    if (shrinking.side > 0)
      bytes = [=, other = bytes, threads = decode_threads(config.data.threads)](Source::Handler handler) {
        return std::make_unique<ShrinkingSource>(shrinking, threads, manifest, other, std::move(handler));
      };
    Stream stream(config, std::move(plan),
                  kept_in(store, manifest, config.data, bytes, [failure, leave](const std::string& sentence) mutable {
                    *failure = sentence;
                    leave.request_stop();
                  }));
    const auto write_ledger = [&] {
      if (ledger) publish_file(*ledger, stream.ledger().to_jsonl());
    };
    try {
      const Meter meter(stream, rows.size(), report);
      complete = take_samples(stream, leave.get_token());
      seconds = meter.seconds();
    } catch (const std::exception&) {
      write_ledger();
      throw;
    }
    write_ledger();
    went = stream.report();
  }
  if (!failure->empty())
    throw std::runtime_error(
        fmt::format("{}; what came before is kept, and the same command goes on from there", *failure));
  const auto mended = complete ? mend(*store, *manifest, invocation.stop) : std::nullopt;
  complete = mended.has_value();
  const StoreMending mending = mended.value_or(StoreMending());
  uint64_t held = 0;
  for (uint64_t rank = 0; rank < rows.size(); ++rank) held += store->has({.row = rows.at(rank)});
  const uint64_t shards = Store(folder).shards();
  if (invocation.flag("json")) {
    const nlohmann::ordered_json json = {{"store", folder.string()},
                                         {"images", held},
                                         {"rows", rows.size()},
                                         {"shards", shards},
                                         {"complete", complete},
                                         {"mended",
                                          {{"adopted", mending.adopted},
                                           {"moved", mending.moved},
                                           {"removed_shards", mending.removed},
                                           {"removed_bytes", mending.removed_bytes}}},
                                         {"stream", nlohmann::ordered_json::parse(summary_json(went, seconds))}};
    print(json.dump() + "\n");
  } else {
    print(fmt::format("{} holds {} of {} images in {}; failures: {}{}{}\n", folder.string(), held, rows.size(),
                      count_of(shards, "shard"), failures_text(went), mending_text(mending),
                      complete ? "" : "; the same command goes on from here"));
  }
  return complete ? kGood : kInterrupted;
}

int run_verify(const Invocation& invocation) {
  const Config& config = invocation.config();
  if (!Store::is_store(config.data.list))
    throw std::invalid_argument(
        fmt::format("{} is no store; verify takes a folder made by pack or --cache", config.data.list));
  Console console;
  const Store store(config.data.list);
  const StoreCheck found = store.check(show_share(console, "checking", invocation.stop));
  console.clear();
  print(invocation.flag("json") ? check_json(store, found) : check_text(store, found));
  return found.damages.empty() ? kGood : kSystemFailed;
}

}  // namespace atelier
