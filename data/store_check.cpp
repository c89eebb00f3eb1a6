#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <fmt/format.h>
#include <limits>
#include <system_error>

#include "data/store_state.h"

// Reading a whole store to see whether it is as it was sealed.

namespace atelier {
namespace fs = std::filesystem;
namespace {

/// Whether every item of a shard, to which nothing leads, has a place in another one.
bool is_superseded(const Store::State& state, const fs::path& file) {
  return std::ranges::all_of(read_items(file), [&](const Item& item) { return state.place_of(item).has_value(); });
}

}  // namespace

void Store::State::each_place(const std::function<void(const Item&, const BodyPlace&)>& each) const {
  constexpr uint64_t kPlaces = 8192;
  std::vector<uint64_t> stored;
  const uint64_t all = std::min(fs::file_size(folder / "places") / sizeof(uint64_t), 2 * rows);
  for (uint64_t begin = 0; begin < all; begin += stored.size()) {
    stored.resize(std::min(kPlaces, all - begin));
    if (!places->read_at(std::as_writable_bytes(std::span(stored)), begin * sizeof(uint64_t)))
      throw std::system_error(EIO, std::generic_category(), "cannot read " + (folder / "places").string());
    for (uint64_t i = 0; i < stored.size(); ++i) {
      const uint64_t number = begin + i;
      if (const auto place = BodyPlace::from(stored[i])) each({number % rows, number >= rows}, *place);
    }
  }
}

std::vector<uint64_t> Store::State::uses(uint64_t shards) const {
  std::vector<uint64_t> uses(shards);
  each_place([&](const Item&, const BodyPlace& place) {
    if (place.shard < shards) ++uses[place.shard];
  });
  return uses;
}

std::map<uint64_t, fs::path> Store::State::strays() const {
  const StoreIndex now = read_index(folder);
  std::map<uint64_t, fs::path> strays;
  for (const auto& item : fs::directory_iterator(folder)) {
    const std::string name = item.path().filename().string();
    uint64_t number = 0;
    const bool is_shard = std::sscanf(name.c_str(), "shard-%" SCNu64 ".h5", &number) == 1 && name == shard_name(number);
    if (!is_shard || !item.is_regular_file() || item.is_symlink()) continue;
    if (number >= now.shards.size() || now.shards[number].samples == 0) strays.emplace(number, item.path());
  }
  return strays;
}

StoreCheck Store::check(const std::function<void(double)>& progress) const {
  constexpr size_t kMostDamages = 100;
  const StoreIndex index = read_index(state_->folder);
  StoreCheck found;
  const auto damage = [&](std::string sentence) {
    if (found.damages.size() < kMostDamages) found.damages.push_back(std::move(sentence));
  };
  const auto tell = [&](uint64_t done, uint64_t all, double from) {
    if (progress) progress(from + 0.5 * static_cast<double>(done) / static_cast<double>(std::max<uint64_t>(1, all)));
  };
  const std::vector<uint64_t> uses = state_->uses(index.shards.size());
  for (uint64_t number = 0; number < index.shards.size(); ++number) {
    const ShardFacts& facts = index.shards[number];
    if (facts.samples == 0) continue;
    const fs::path file = state_->folder / shard_name(number);
    ++found.shards;
    found.bodies += facts.samples;
    found.bytes += facts.bytes;
    tell(number, index.shards.size(), 0);
    try {
      if (uses[number] == 0 && is_superseded(*state_, file)) {
        ++found.unused;
        found.unused_bytes += facts.bytes;
      } else if (sha256_file(file) != facts.sha256) {
        damage(fmt::format("{} is not as it was sealed: its SHA-256 is another", file.string()));
      } else if (const auto items = read_items(file);
                 !std::ranges::all_of(items, [&](const Item& item) { return state_->place_of(item).has_value(); })) {
        damage(fmt::format("{} holds images that {} does not lead to; pack the list again", file.string(),
                           (state_->folder / "places").string()));
      }
    } catch (const std::exception& error) {
      damage(error.what());
    }
  }
  for (const auto& [number, stray] : state_->strays()) {
    std::error_code gone;
    const uint64_t size = fs::file_size(stray, gone);
    ++found.unused;
    found.unused_bytes += gone ? 0 : size;
  }
  const uint64_t bytes = fs::file_size(state_->folder / "places"), places = bytes / sizeof(uint64_t);
  if (bytes % sizeof(uint64_t) != 0 || places > 2 * state_->rows)
    damage(fmt::format("{} has {} bytes, which no {} rows have", (state_->folder / "places").string(), bytes,
                       state_->rows));
  for (uint64_t place = 0; place < places; ++place) {
    const Item item{place % state_->rows, place >= state_->rows};
    if (place % 256 == 0) tell(place, places, 0.5);
    const auto body = read(item, std::numeric_limits<uint64_t>::max());
    if (!body) continue;
    if (const auto* failure = std::get_if<Failure>(&*body)) {
      damage(fmt::format("row {}{}: {}", item.row, item.condition ? " (condition)" : "", failure->detail));
    } else {
      found.rows += !item.condition;
    }
  }
  if (const std::string& list = index.identity.list;
      !list.empty() &&
      (!fs::exists(state_->folder / list) || sha256_file(state_->folder / list) != index.identity.list_sha256))
    damage(fmt::format("{} is not the list that was packed", (state_->folder / list).string()));
  if (progress) progress(1);
  return found;
}

}  // namespace atelier
