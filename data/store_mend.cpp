#include <algorithm>
#include <limits>
#include <utility>

#include "data/store_state.h"

// Putting a store in order once all that can be had is in it.

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kAnySize = std::numeric_limits<uint64_t>::max();

bool is_as_sealed(const fs::path& file, const ShardFacts& facts) try {
  return sha256_file(file) == facts.sha256;
} catch (const std::exception&) {
  return false;
}

std::vector<Item> items_of(const fs::path& file) try { return read_items(file); } catch (const std::exception&) {
  return {};
}

/// Of a file that no index has ever named.
bool is_shard_of(const Store::State& state, const fs::path& file) {
  const std::vector<Item> items = items_of(file);
  return !items.empty() && std::ranges::all_of(items, [&](const Item& item) { return item.row < state.rows; });
}

/// Gives the good bodies of a shard that nothing leads to their places again.
uint64_t adopt(const Store::State& state, uint64_t shard, const ShardFacts& facts) {
  const FileLock lock = lock_of(state.folder);
  const std::vector<Item> items = items_of(state.folder / shard_name(shard));
  uint64_t adopted = 0;
  for (uint64_t slot = 0; slot < items.size(); ++slot) {
    if (items[slot].row >= state.rows || state.place_of(items[slot])) continue;
    const auto body = read_body(*state.file_of(shard), facts, slot, items[slot], kAnySize);
    if (std::holds_alternative<Failure>(body)) continue;
    state.write_place(items[slot], {shard, slot});
    ++adopted;
  }
  return adopted;
}

/// The good bodies of a shard, to be sealed in another one.
ShardDraft draft_of(const Store& store, const Store::State& state, uint64_t shard, const Store::Describe& describe) {
  ShardDraft draft;
  state.each_place([&](const Item& item, const BodyPlace& place) {
    if (place.shard != shard) return;
    const auto body = store.read(item, kAnySize);
    if (!body || std::holds_alternative<Failure>(*body)) return;
    auto [url, label] = describe(item);
    draft.add(item, std::move(url), std::move(label), std::get<0>(*body));
  });
  return draft;
}

/// Whether a shard has an item that no place leads to, in whatever shard.
bool has_unplaced(const Store::State& state, uint64_t shard) {
  return std::ranges::any_of(items_of(state.folder / shard_name(shard)),
                             [&](const Item& item) { return !state.place_of(item); });
}

/// Takes the shards that nothing leads to out of the index. The last one may be about to get its places.
void forget_unused(Store::State& state) {
  StoreIndex index = read_index(state.folder);
  const std::vector<uint64_t> uses = state.uses(index.shards.size());
  bool changed = false;
  for (uint64_t number = 0; number + 1 < index.shards.size(); ++number) {
    if (uses[number] > 0 || index.shards[number].samples == 0 || has_unplaced(state, number)) continue;
    index.shards[number] = {};
    changed = true;
  }
  if (!changed) return;
  publish_index(state.folder, index);
  const std::lock_guard guard(state.mutex);
  state.index = std::move(index);
}

}  // namespace

StoreMending Store::mend(const Describe& describe, const std::function<void(double)>& progress) {
  State& state = *state_;
  StoreMending done;
  const StoreIndex index = read_index(state.folder);
  const std::vector<uint64_t> uses = state.uses(index.shards.size());
  const uint64_t shards = std::min<uint64_t>(index.shards.size(), state.opened_with);
  for (uint64_t number = 0; number < shards; ++number) {
    const ShardFacts& facts = index.shards[number];
    if (facts.samples == 0) continue;
    if (progress) progress(static_cast<double>(number) / static_cast<double>(shards));
    if (uses[number] < facts.samples) done.adopted += adopt(state, number, facts);
    if (is_as_sealed(state.folder / shard_name(number), facts)) continue;
    const ShardDraft good = draft_of(*this, state, number, describe);
    if (good.size() > 0) add(good);
    done.moved += good.size();
  }
  const FileLock lock = lock_of(state.folder);
  forget_unused(state);
  for (const auto& [number, file] : state.strays()) {
    if (number >= index.shards.size() && !is_shard_of(state, file)) continue;  // somebody else's
    const uint64_t size = fs::file_size(file);
    if (fs::remove(file)) ++done.removed, done.removed_bytes += size;
  }
  if (progress) progress(1);
  return done;
}

}  // namespace atelier
