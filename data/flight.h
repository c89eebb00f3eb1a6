#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/develop.h"
#include "data/failure.h"
#include "data/manifest.h"
#include "data/retry.h"
#include "data/verdicts.h"

namespace atelier {

/// What a flight may ask the source for. A probe is another entry's image, asked for only to learn whether any host
/// can be reached.
enum class Part : uint8_t { kImage, kCondition, kProbe };
inline constexpr uint64_t kParts = 3;

/// One position on its way from the list to its batch.
///
///   kWanted -> kFetching -> kFetched -> kDecoding -> kDone      and back to kWanted with the next entry of the chain,
///                 |  ^                                           or with the same one after a wait
///                 v  |
///               kWaiting
struct Flight {
  enum class State { kWanted, kFetching, kWaiting, kFetched, kDecoding, kDone };

  uint64_t index = 0;  ///< counts the samples of this rank
  uint64_t position = 0;
  State state = State::kWanted;

  uint64_t attempt = 0;  ///< place in the chain of entries; 0: the first choice
  uint64_t row = 0;
  Entry entry;

  Tries tries;                        ///< of this entry
  SteadyClock::time_point first_try;  ///< of this entry
  SteadyClock::time_point asked;      ///< the newest try
  SteadyClock::time_point due;        ///< of the next try, while it waits for that
  bool probes = false;                ///< overdue, and perhaps nobody can be reached: ask for another entry as well
  std::array<std::optional<std::vector<std::byte>>, 2> bodies;  ///< image and condition
  int pending = 0;                                              ///< answers to come
  std::optional<Failure> failure;                               ///< the worst of this try
  uint64_t held = 0;      ///< bytes of the budget: what is here, and the most that may still come
  uint64_t decoding = 0;  ///< bytes that decoding it takes

  std::vector<Verdict> verdicts;  ///< found on the way

  uint64_t ticket(Part part) const { return index * kParts + static_cast<uint64_t>(part); }
  std::optional<std::vector<std::byte>>& body(Part part) { return bodies.at(static_cast<size_t>(part)); }
  std::span<const std::byte> bytes(Part part) {
    return body(part) ? std::span<const std::byte>(*body(part)) : std::span<const std::byte>();
  }
  Negative negative() { return {bytes(Part::kImage), bytes(Part::kCondition), entry.sha256}; }
};

}  // namespace atelier
