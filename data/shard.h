#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/descriptor.h"
#include "data/failure.h"
#include "data/source.h"

/// One file of a store: an HDF5 file of contiguous one-dimensional datasets, so that a body is read by its place in the
/// file, from any thread, without HDF5. docs/store-format.md has the format.
namespace atelier {

/// Bodies on their way into a shard, in memory.
struct ShardDraft {
  std::vector<std::byte> bytes;         ///< one body behind the other
  std::vector<uint64_t> offsets = {0};  ///< of body i; at the end, of what comes next
  std::vector<Item> items;
  std::vector<uint32_t> checksums;
  std::vector<std::string> urls, labels;

  void add(const Item& item, std::string url, std::string label, std::span<const std::byte> body);
  size_t size() const { return items.size(); }
};

/// What reading needs to know of a shard.
struct ShardFacts {
  uint64_t samples = 0;
  uint64_t bytes = 0;                                       ///< of all bodies
  uint64_t bytes_at = 0, offsets_at = 0, checksums_at = 0;  ///< where the datasets begin in the file
  std::string sha256;                                       ///< of the file
};

/// Writes a whole shard of at least one body; the caller publishes it. Waits for other calls, as HDF5 allows one at a
/// time. Throws std::system_error or std::runtime_error that names the path.
ShardFacts write_shard(const std::filesystem::path& path, const ShardDraft& draft);

/// The items of a shard's bodies, in order. Waits as write_shard does. Throws std::system_error that names the path.
std::vector<Item> read_items(const std::filesystem::path& path);

/// Body `slot` of a shard, if it is that of `item` and at most `max_bytes` long (else kTooLargeByHead). Bytes that are
/// not those that were written are kChecksum.
std::variant<std::vector<std::byte>, Failure> read_body(const Descriptor& file, const ShardFacts& facts, uint64_t slot,
                                                        const Item& item, uint64_t max_bytes);

}  // namespace atelier
