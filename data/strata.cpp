#include "data/strata.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <stdexcept>

#include "base/random.h"

namespace atelier {
namespace {

/// Strata that are as long as each other must not be shuffled alike, nor a list like the one that it replaces.
uint64_t seed_of(uint64_t seed, uint64_t stratum, uint64_t origin) {
  return stratum == 0 && origin == 0 ? seed : random_bits(seed, origin, Purpose::kStratum, stratum);
}

/// The weights as whole parts. Throws when they are not one for each stratum, or give turns to an empty one.
std::vector<uint64_t> parts_of(const Weighting& weighting, const std::vector<Stratum>& strata) {
  if (weighting.weights.size() != strata.size())
    throw std::invalid_argument(
        fmt::format("{} weights for {} lists; give one for each", weighting.weights.size(), strata.size()));
  std::vector<uint64_t> parts = whole_parts(weighting.weights);
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i] > 0 && strata[i].rows.empty())
      throw std::invalid_argument(fmt::format("{} has no rows to draw from; leave it out", strata[i].name));
  return parts;
}

}  // namespace

StratifiedOrder::StratifiedOrder(const Order& order, std::vector<Stratum> strata, const std::vector<Weighting>& weights,
                                 uint64_t origin)
    : strata_(std::move(strata)) {
  for (const Stratum& stratum : strata_) {
    Order own = order;
    own.entries = stratum.rows.size();
    own.seed = seed_of(order.seed, orders_.size(), origin);
    orders_.push_back(own);
  }
  std::vector<uint64_t> before(strata_.size());
  for (size_t i = 0; i < weights.size() || legs_.empty(); ++i) {
    const bool is_over = i + 1 < weights.size() && weights[i + 1].position <= origin;
    if (is_over) continue;
    const auto parts = i < weights.size() ? parts_of(weights[i], strata_) : std::vector<uint64_t>(strata_.size(), 1);
    const uint64_t begin = i < weights.size() ? std::max(weights[i].position, origin) : origin;
    if (!legs_.empty()) {
      const std::vector<uint64_t> turns = legs_.back().turns.counts(begin - legs_.back().begin);
      std::ranges::transform(before, turns, before.begin(), std::plus());
    }
    legs_.push_back({begin, Apportionment(parts), before});
  }
}

Apportionment::Turn StratifiedOrder::turn_at(uint64_t position) const {
  const auto behind = std::upper_bound(legs_.begin(), legs_.end(), position,
                                       [](uint64_t value, const Leg& leg) { return value < leg.begin; });
  if (behind == legs_.begin()) throw std::out_of_range("a position before the first of its strata");
  const Leg& leg = *std::prev(behind);
  Apportionment::Turn turn = leg.turns.at(position - leg.begin);
  turn.rank += leg.before[turn.stratum];
  return turn;
}

uint64_t StratifiedOrder::row_at(uint64_t position, uint64_t attempt) const {
  const auto [stratum, rank] = turn_at(position);
  const Order& order = orders_[stratum];
  return strata_[stratum].rows.at(attempt == 0 ? slot_at(order, rank) : substitute_at(order, position, attempt));
}

}  // namespace atelier
