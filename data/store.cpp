#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "data/store_state.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr int kVersion = 1;
constexpr size_t kOpenShards = 128;

std::string to_json(const StoreIndex& index) {
  nlohmann::ordered_json json{
      {"version", kVersion},
      {"list", {{"file", index.identity.list}, {"sha256", index.identity.list_sha256}, {"rows", index.identity.rows}}},
      {"packing", index.identity.packing},
      {"shards", nlohmann::ordered_json::array()}};
  for (size_t number = 0; number < index.shards.size(); ++number) {
    const ShardFacts& shard = index.shards[number];
    json["shards"].push_back({{"file", shard_name(number)},
                              {"samples", shard.samples},
                              {"bytes", shard.bytes},
                              {"bytes_at", shard.bytes_at},
                              {"offsets_at", shard.offsets_at},
                              {"checksums_at", shard.checksums_at},
                              {"sha256", shard.sha256}});
  }
  return json.dump(1) + "\n";
}

}  // namespace

std::string shard_name(uint64_t number) { return fmt::format("shard-{:05}.h5", number); }

StoreIndex read_index(const fs::path& folder) {
  const fs::path file = folder / "index.json";
  try {
    const auto json = nlohmann::json::parse(read_file(file));
    if (json.at("version") != kVersion) throw std::invalid_argument("another version");
    StoreIndex index{.identity = {.list_sha256 = json.at("list").at("sha256"),
                                  .rows = json.at("list").at("rows"),
                                  .list = json.at("list").at("file"),
                                  .packing = json.value("packing", "")},
                     .shards = {}};
    if (index.identity.rows == 0) throw std::invalid_argument("no rows");
    for (const auto& shard : json.at("shards")) {
      index.shards.push_back({.samples = shard.at("samples"),
                              .bytes = shard.at("bytes"),
                              .bytes_at = shard.at("bytes_at"),
                              .offsets_at = shard.at("offsets_at"),
                              .checksums_at = shard.at("checksums_at"),
                              .sha256 = shard.at("sha256")});
    }
    return index;
  } catch (const std::system_error&) {
    throw;
  } catch (const std::exception&) {
    throw std::invalid_argument(fmt::format(
        "{} is not what this version of Atelier writes; if it is a store of another version, fill a new folder",
        file.string()));
  }
}

void publish_index(const fs::path& folder, const StoreIndex& index) {
  publish_file(folder / "index.json", to_json(index));
}

FileLock lock_of(const fs::path& folder) {
  for (;;) {
    if (auto lock = FileLock::try_acquire(folder / "lock")) return std::move(*lock);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

namespace {

bool has_index(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "index.json", ignored);
}

/// Than what a store that is being made begins with.
bool holds_other_things(const fs::path& folder) {
  return std::any_of(fs::directory_iterator(folder), {}, [](const fs::directory_entry& item) {
    return item.path().filename() != "lock" && !item.path().filename().string().starts_with("index.json");
  });
}

void refuse_foreign(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw std::invalid_argument(fmt::format("{} is no folder; name another", folder.string()));
  const bool is_foreign = holds_other_things(folder);  // asked first: another process may be making the store
  if (is_foreign && !has_index(folder))
    throw std::invalid_argument(fmt::format("{} is neither empty nor a store; name another folder", folder.string()));
}

void refuse_another(const fs::path& folder, const StoreIdentity& held, const StoreIdentity& wanted) {
  if (held.list_sha256 != wanted.list_sha256 || held.rows != wanted.rows)
    throw std::invalid_argument(fmt::format(
        "{} holds the images of another list; name another folder, or remove it and fill it again", folder.string()));
  if (held.packing != wanted.packing)
    throw std::invalid_argument(fmt::format(
        "{} holds images packed as \"{}\", not as \"{}\"; name another folder, or remove it and fill it again",
        folder.string(), held.packing.empty() ? "they came" : held.packing,
        wanted.packing.empty() ? "they came" : wanted.packing));
}

/// What killed processes left half-written; an hour is longer than any shard takes.
void remove_leftovers(const fs::path& folder) {
  for (const auto& item : fs::directory_iterator(folder)) {
    std::error_code gone;  // another process may have removed or published it
    const auto written = item.last_write_time(gone);
    if (gone || item.path().extension() != ".partial") continue;
    if (fs::file_time_type::clock::now() - written > std::chrono::hours(1)) fs::remove(item.path(), gone);
  }
}

}  // namespace

std::optional<BodyPlace> BodyPlace::from(uint64_t stored) {
  if (stored == 0) return std::nullopt;
  return BodyPlace{(stored >> 32) - 1, stored & std::numeric_limits<uint32_t>::max()};
}

std::optional<BodyPlace> Store::State::place_of(const Item& item) const {
  if (item.row >= rows) return std::nullopt;
  uint64_t place = 0;
  if (!places->read_at(std::as_writable_bytes(std::span(&place, 1)), offset_of(item))) return std::nullopt;
  return BodyPlace::from(place);
}

/// Nothing: no such body has been sealed. Another process may have sealed the shard since this one looked.
std::optional<ShardFacts> Store::State::facts_of(const BodyPlace& place) const {
  const std::lock_guard lock(mutex);
  if (place.shard >= index.shards.size()) index = read_index(folder);
  if (place.shard >= index.shards.size() || place.slot >= index.shards[place.shard].samples) return std::nullopt;
  return index.shards[place.shard];
}

std::shared_ptr<const Descriptor> Store::State::file_of(uint64_t shard) const {
  const std::lock_guard lock(mutex);
  if (const auto known = open.find(shard); known != open.end()) return known->second;
  auto file = std::make_shared<const Descriptor>(folder / shard_name(shard), O_RDONLY);
  open.emplace(shard, file);
  opened.push_back(shard);
  if (opened.size() > kOpenShards) {
    open.erase(opened.front());
    opened.pop_front();
  }
  return file;
}

void Store::State::write_place(const Item& item, const BodyPlace& place) const {
  const uint64_t stored = (place.shard + 1) << 32 | place.slot;
  if (!places->write_at(std::as_bytes(std::span(&stored, 1)), offset_of(item)))
    throw std::system_error(errno, std::generic_category(), "cannot write " + (folder / "places").string());
}

void Store::State::write_places(uint64_t shard, const std::vector<Item>& items) const {
  for (size_t slot = 0; slot < items.size(); ++slot) write_place(items[slot], {shard, slot});
  sync_path(folder / "places");
}

/// Of a process that was killed between naming a shard and writing its places. The lock is held.
void Store::State::finish_last_shard() const {
  if (index.shards.empty()) return;
  const uint64_t last = index.shards.size() - 1;
  try {
    const std::vector<Item> items = read_items(folder / shard_name(last));
    const auto place = items.empty() ? std::nullopt : place_of(items.back());
    if (!place || place->shard != last) write_places(last, items);
  } catch (const std::system_error&) {
    return;  // a shard that cannot be read is damage, which check() names
  }
}

bool Store::is_store(const fs::path& folder) {
  std::error_code ignored;
  return has_index(folder) && fs::exists(folder / "places", ignored);
}

Store::Store(const fs::path& folder) : state_(std::make_unique<State>(folder)) {
  state_->index = read_index(folder);
  state_->rows = state_->index.identity.rows;
  state_->places.emplace(folder / "places", O_RDONLY);
}

Store::Store(const fs::path& folder, const StoreIdentity& identity) : state_(std::make_unique<State>(folder)) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw std::invalid_argument(
        fmt::format("cannot make the folder {} ({}); name another", folder.string(), error.message()));
  refuse_foreign(folder);
  const FileLock lock = lock_of(folder);
  if (!has_index(folder)) publish_index(folder, {.identity = identity, .shards = {}});
  state_->index = read_index(folder);
  const StoreIdentity& held = state_->index.identity;
  refuse_another(folder, held, identity);
  if (held.list.empty() && !identity.list.empty()) {
    state_->index.identity.list = identity.list;
    publish_index(folder, state_->index);
  }
  remove_leftovers(folder);
  state_->rows = identity.rows;
  state_->places.emplace(folder / "places", O_RDWR | O_CREAT);
  state_->finish_last_shard();
  state_->opened_with = state_->index.shards.size();
}

std::optional<Store> Store::look_into(const fs::path& folder, const StoreIdentity& identity) {
  if (!fs::exists(folder)) return std::nullopt;
  refuse_foreign(folder);
  if (!is_store(folder)) return std::nullopt;
  Store store(folder);
  refuse_another(folder, store.state_->index.identity, identity);
  return store;
}

Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

StoreIdentity Store::identity() const {
  const std::lock_guard lock(state_->mutex);
  return state_->index.identity;
}

uint64_t Store::shards() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<uint64_t>(
      std::ranges::count_if(state_->index.shards, [](const ShardFacts& shard) { return shard.samples > 0; }));
}

bool Store::has(const Item& item) const {
  const auto place = state_->place_of(item);
  return place && state_->facts_of(*place);
}

std::optional<std::variant<std::vector<std::byte>, Failure>> Store::read(const Item& item, uint64_t max_bytes) const {
  const auto place = state_->place_of(item);
  if (!place) return std::nullopt;
  const auto facts = state_->facts_of(*place);
  if (!facts) return std::nullopt;
  try {
    return read_body(*state_->file_of(place->shard), *facts, place->slot, item, max_bytes);
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    // Its shard may have been removed since, when nothing led to it any more.
    if (const auto now = state_->place_of(item); code == ENOENT && now && now->shard != place->shard)
      return read(item, max_bytes);
    const bool transient = code == EMFILE || code == ENFILE || code == EIO || code == ESTALE || code == ENOMEM;
    return Failure{Fault::kMissingFile, error.what(), transient};
  }
}

void Store::keep_list(std::string_view text) {
  const FileLock lock = lock_of(state_->folder);
  const fs::path copy = state_->folder / state_->index.identity.list;
  if (!fs::exists(copy)) publish_file(copy, text);
}

void Store::add(const ShardDraft& draft) {
  State& state = *state_;
  // Names them apart within this process, and between processes of different machines or containers.
  static std::atomic<uint64_t> drafts = 0;
  static const auto started = std::chrono::system_clock::now().time_since_epoch().count();
  const fs::path partial = state.folder / fmt::format("writing-{}-{}-{:x}.partial", ::getpid(), drafts++, started);
  try {
    const ShardFacts facts = write_shard(partial, draft);
    sync_path(partial);
    const FileLock lock = lock_of(state.folder);
    StoreIndex index = read_index(state.folder);
    const uint64_t number = index.shards.size();
    if (number != state.index.shards.size()) {
      const std::lock_guard guard(state.mutex);
      state.index = index;
      state.finish_last_shard();
    }
    fs::rename(partial, state.folder / shard_name(number));
    index.shards.push_back(facts);
    publish_index(state.folder, index);
    {
      const std::lock_guard guard(state.mutex);
      state.index = std::move(index);
    }
    state.write_places(number, draft.items);
  } catch (...) {
    std::error_code ignored;  // the first error is the one worth reporting
    fs::remove(partial, ignored);
    throw;
  }
}

}  // namespace atelier
