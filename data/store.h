#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "data/failure.h"
#include "data/shard.h"

namespace atelier {

/// What a store holds the bodies of.
struct StoreIdentity {
  std::string list_sha256;   ///< Manifest::sha256()
  uint64_t rows = 0;         ///< Manifest::size()
  std::string list;          ///< file name of the list's copy in the store; empty: it has none
  std::string packing = {};  ///< what became of the pictures, such as "jpeg 288 90"; empty: they are as they came
  bool operator==(const StoreIdentity&) const = default;
};

/// What a check of a whole store found.
struct StoreCheck {
  uint64_t shards = 0, bodies = 0, bytes = 0;
  uint64_t rows = 0;    ///< whose image is there
  uint64_t unused = 0;  ///< shards that nothing leads to, as all that they hold is in others
  uint64_t unused_bytes = 0;
  std::vector<std::string> damages;  ///< a sentence each
};

/// What mending a store came to.
struct StoreMending {
  uint64_t adopted = 0;  ///< bodies that nothing had led to and something does again
  uint64_t moved = 0;    ///< good bodies of damaged shards, sealed anew
  uint64_t removed = 0;  ///< shards that nothing led to
  uint64_t removed_bytes = 0;
};

/// Bodies of a list's rows on disk: a folder of sealed shards (shard.h), `places` (where each body is) and index.json,
/// which names the shards; what it does not name does not exist. docs/store-format.md has the format.
///
/// Several processes of one machine may read and add at the same time. A kill at any instruction loses at most what
/// has not been sealed. read() may be called from any number of threads, add() from one at a time.
///
/// Errors: std::invalid_argument where the user must change something, std::system_error where the disk fails; one
/// sentence that names the path.
class Store {
 public:
  static bool is_store(const std::filesystem::path& folder);

  /// An existing store.
  explicit Store(const std::filesystem::path& folder);
  /// The store of a list, made where there is none yet; one of another list is refused.
  Store(const std::filesystem::path& folder, const StoreIdentity& identity);
  /// The same, for reading alone: makes and changes nothing. Nothing: there is none yet.
  static std::optional<Store> look_into(const std::filesystem::path& folder, const StoreIdentity& identity);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  StoreIdentity identity() const;
  uint64_t shards() const;
  bool has(const Item& item) const;
  /// Nothing: not in the store. A body over `max_bytes` and a damaged one are failures.
  std::optional<std::variant<std::vector<std::byte>, Failure>> read(const Item& item, uint64_t max_bytes) const;

  /// Writes a list of this text into the store under the name that its identity has, if it is not there yet.
  void keep_list(std::string_view text);

  /// Seals a shard of at least one body; from then on it is found, also by other processes.
  void add(const ShardDraft& draft);

  /// Leads to good bodies again that nothing leads to, seals those of damaged shards anew, and removes shards that
  /// nothing leads to any more, which are files with a shard's name alone; for when all that can be had has been added.
  /// Reads the shards that were there when this store was opened. Others may read and add meanwhile.
  ///   describe  the url and the label of an item
  ///   progress  called now and then, at each shard at least; it may throw: what is mended by then stays
  using Describe = std::function<std::pair<std::string, std::string>(const Item&)>;
  StoreMending mend(const Describe& describe, const std::function<void(double share)>& progress = {});

  /// Reads everything: the hash of every shard and the checksum of every body.
  StoreCheck check(const std::function<void(double share)>& progress = {}) const;

  struct State;  ///< store_state.h

 private:
  std::unique_ptr<State> state_;
};

}  // namespace atelier
