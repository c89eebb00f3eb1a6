#include "data/strata.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <numeric>
#include <stdexcept>

#include "base/random.h"

namespace atelier {
namespace {

/// Strata that are as long as each other must not be shuffled alike, nor a list like the one that it replaces.
uint64_t seed_of(uint64_t seed, uint64_t stratum, uint64_t origin) {
  return stratum == 0 && origin == 0 ? seed : random_bits(seed, origin, Purpose::kStratum, stratum);
}

/// Throws unless there is a weight for each stratum, and none for an empty one.
void check_weights(const std::vector<double>& weights, const std::vector<Stratum>& strata) {
  if (weights.size() != strata.size())
    throw std::invalid_argument(
        fmt::format("{} weights for {} lists; give one for each", weights.size(), strata.size()));
  for (size_t i = 0; i < weights.size(); ++i)
    if (weights[i] > 0 && strata[i].rows.empty())
      throw std::invalid_argument(fmt::format("{} has no rows to draw from; leave it out", strata[i].name));
}

}  // namespace

StratifiedOrder::StratifiedOrder(const Order& order, std::vector<Stratum> strata, const std::vector<Weighting>& weights,
                                 uint64_t origin, uint64_t block)
    : block_(block), strata_(std::move(strata)) {
  for (const Stratum& stratum : strata_) {
    Order own = order;
    own.entries = stratum.rows.size();
    own.seed = seed_of(order.seed, orders_.size(), origin);
    orders_.push_back(own);
  }
  if (weights.empty()) add_leg(origin, std::vector<double>(strata_.size(), 1));
  for (size_t i = 0; i < weights.size(); ++i) {
    const bool is_over = i + 1 < weights.size() && weights[i + 1].position <= origin;
    if (is_over) continue;
    const uint64_t since = std::max(weights[i].position, origin) - origin;
    add_leg(origin + (since + block_ - 1) / block_ * block_, weights[i].weights);
  }
}

void StratifiedOrder::add_leg(uint64_t begin, const std::vector<double>& weights) {
  check_weights(weights, strata_);
  std::map<uint64_t, std::vector<double>> by_shape;
  for (size_t i = 0; i < strata_.size(); ++i) {
    auto& own = by_shape[strata_[i].shape];
    own.resize(strata_.size());
    own[i] = weights[i];
  }
  std::vector<double> of_shapes(by_shape.rbegin()->first + 1);
  std::map<uint64_t, Apportionment> turns;
  for (const auto& [shape, own] : by_shape) {
    of_shapes[shape] = std::accumulate(own.begin(), own.end(), 0.0);
    if (of_shapes[shape] != 0) turns.emplace(shape, Apportionment(whole_parts(own)));
  }
  std::vector<uint64_t> before = legs_.empty() ? std::vector<uint64_t>(strata_.size()) : turns_until(begin);
  legs_.push_back({begin, Apportionment(whole_parts(of_shapes)), std::move(turns), std::move(before)});
}

/// Turns of each stratum before `end`, which ends the last leg with a whole block.
std::vector<uint64_t> StratifiedOrder::turns_until(uint64_t end) const {
  const Leg& leg = legs_.back();
  const std::vector<uint64_t> blocks = leg.shapes.counts((end - leg.begin) / block_);
  std::vector<uint64_t> counts = leg.before;
  for (const auto& [shape, turns] : leg.turns)
    std::ranges::transform(counts, turns.counts(blocks[shape] * block_), counts.begin(), std::plus());
  return counts;
}

Apportionment::Turn StratifiedOrder::turn_at(uint64_t position) const {
  const auto behind = std::upper_bound(legs_.begin(), legs_.end(), position,
                                       [](uint64_t value, const Leg& leg) { return value < leg.begin; });
  if (behind == legs_.begin()) throw std::out_of_range("a position before the first of its strata");
  const Leg& leg = *std::prev(behind);
  const uint64_t offset = position - leg.begin;
  const auto [shape, blocks] = leg.shapes.at(offset / block_);
  Apportionment::Turn turn = leg.turns.at(shape).at(blocks * block_ + offset % block_);
  turn.rank += leg.before[turn.stratum];
  return turn;
}

uint64_t StratifiedOrder::row_at(uint64_t position, uint64_t attempt) const {
  const auto [stratum, rank] = turn_at(position);
  const Order& order = orders_[stratum];
  return strata_[stratum].rows.at(attempt == 0 ? slot_at(order, rank) : substitute_at(order, position, attempt));
}

}  // namespace atelier
