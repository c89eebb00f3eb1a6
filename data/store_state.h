#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/files.h"
#include "data/store.h"

/// What the files of a store are to those who write, check and mend them. Not for callers outside of them.
namespace atelier {

/// Where a body is: 0 on disk for nowhere, else the shard's number + 1 above, and its slot in the lower 32 bits.
struct BodyPlace {
  uint64_t shard, slot;
  /// Of what stands on disk.
  static std::optional<BodyPlace> from(uint64_t stored);
};

std::string shard_name(uint64_t number);

/// What index.json says. A shard of no samples has been removed; its number stays taken.
struct StoreIndex {
  StoreIdentity identity;
  std::vector<ShardFacts> shards;
};
StoreIndex read_index(const std::filesystem::path& folder);
void publish_index(const std::filesystem::path& folder, const StoreIndex& index);

/// Waits for the lock under which index.json and `places` change.
FileLock lock_of(const std::filesystem::path& folder);

struct Store::State {
  std::filesystem::path folder;
  uint64_t rows = 0;
  uint64_t opened_with = 0;  // shards
  std::optional<Descriptor> places;
  mutable std::mutex mutex;  // guards what follows
  mutable StoreIndex index;
  mutable std::map<uint64_t, std::shared_ptr<const Descriptor>> open;
  mutable std::deque<uint64_t> opened;  // the keys of `open`, oldest first

  explicit State(std::filesystem::path path) : folder(std::move(path)) {}

  uint64_t offset_of(const Item& item) const { return sizeof(uint64_t) * (item.row + (item.condition ? rows : 0)); }
  std::optional<BodyPlace> place_of(const Item& item) const;
  std::optional<ShardFacts> facts_of(const BodyPlace& place) const;
  std::shared_ptr<const Descriptor> file_of(uint64_t shard) const;
  void write_place(const Item& item, const BodyPlace& place) const;
  void write_places(uint64_t shard, const std::vector<Item>& items) const;
  void finish_last_shard() const;
  /// Calls `each` with every item that has a place, and that.
  void each_place(const std::function<void(const Item&, const BodyPlace&)>& each) const;
  /// How many items lead to each of the first `shards`.
  std::vector<uint64_t> uses(uint64_t shards) const;
  /// Files with a shard's name, by its number, that index.json does not lead to: a process was killed before it named
  /// them, or before it removed them.
  std::map<uint64_t, std::filesystem::path> strays() const;
};

}  // namespace atelier
