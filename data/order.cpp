#include "data/order.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/random.h"

namespace atelier {
namespace {

/// A keyed bijection of [0, 2^(2 * half_bits)): Luby and Rackoff 1988, with Philox as the round function.
struct Feistel {
  static constexpr uint64_t kRounds = 6;

  uint64_t seed;
  uint64_t key;
  int half_bits;

  Feistel(uint64_t size, uint64_t network_seed, uint64_t network_key)
      : seed(network_seed), key(network_key), half_bits((std::bit_width(size - 1) + 1) / 2) {}

  uint64_t half_mask() const { return (uint64_t{1} << half_bits) - 1; }
  uint64_t scramble(uint64_t half, uint64_t round) const {
    return random_bits(seed, key, Purpose::kOrder, round << 32 | half) & half_mask();
  }
  uint64_t forward(uint64_t value) const {
    uint64_t left = value >> half_bits, right = value & half_mask();
    for (uint64_t round = 0; round < kRounds; ++round) {
      left = std::exchange(right, left ^ scramble(right, round));
    }
    return left << half_bits | right;
  }
  uint64_t backward(uint64_t value) const {
    uint64_t left = value >> half_bits, right = value & half_mask();
    for (uint64_t round = kRounds; round-- > 0;) {
      right = std::exchange(left, right ^ scramble(left, round));
    }
    return left << half_bits | right;
  }
};

/// The inverse of permute.
uint64_t unpermute(uint64_t value, uint64_t size, uint64_t seed, uint64_t key) {
  if (size < 2) return value;
  const Feistel network(size, seed, key);
  do value = network.backward(value);
  while (value >= size);
  return value;
}

/// Windows count down from the top, so that none shares its key with a pass.
uint64_t window_key(uint64_t pass, uint64_t windows, uint64_t window) { return ~(pass * windows + window); }

uint64_t windowed_slot(const Order& order, uint64_t pass, uint64_t offset) {
  const uint64_t windows = (order.entries + order.window - 1) / order.window;
  // Only the last window of the list may be shorter than the others. Wherever the pass puts it, what follows moves up.
  const uint64_t missing = windows * order.window - order.entries;
  const uint64_t place_of_last = unpermute(windows - 1, windows, order.seed, pass);
  const bool behind_last = offset >= (place_of_last + 1) * order.window - missing;
  const uint64_t padded = behind_last ? offset + missing : offset;
  const uint64_t window = permute(padded / order.window, windows, order.seed, pass);
  const uint64_t size = window == windows - 1 ? order.window - missing : order.window;
  return window * order.window + permute(padded % order.window, size, order.seed, window_key(pass, windows, window));
}

}  // namespace

uint64_t shuffle_window(uint64_t global_batch) { return std::max<uint64_t>(1000, 10 * global_batch); }

uint64_t permute(uint64_t index, uint64_t size, uint64_t seed, uint64_t key) {
  if (size < 2) return index;
  const Feistel network(size, seed, key);
  do index = network.forward(index);
  while (index >= size);
  return index;
}

uint64_t pass_of(const Order& order, uint64_t position) { return position / order.entries; }

uint64_t slot_at(const Order& order, uint64_t position) {
  const uint64_t pass = pass_of(order, position);
  const uint64_t offset = position % order.entries;
  switch (order.mode) {
    case OrderMode::kFull:
      return permute(offset, order.entries, order.seed, pass);
    case OrderMode::kWindow:
      return windowed_slot(order, pass, offset);
    case OrderMode::kNone:
      break;
  }
  return offset;
}

uint64_t substitute_at(const Order& order, uint64_t position, uint64_t attempt) {
  return random_below(order.entries, order.seed, position, Purpose::kSubstitute, attempt);
}

Share share_of(uint64_t rank, uint64_t world, uint64_t global_batch) {
  return {rank * global_batch / world, (rank + 1) * global_batch / world};
}

}  // namespace atelier
