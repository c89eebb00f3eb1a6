#include "data/apportionment.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <numeric>
#include <queue>
#include <stdexcept>
#include <tuple>

namespace atelier {
namespace {

/// `weights` (which add up to 1) times `whole`, where all of these are whole numbers; else nothing.
std::vector<uint64_t> exact_parts(std::span<const double> weights, uint64_t whole) {
  constexpr double kTolerance = 1e-9;
  std::vector<uint64_t> parts;
  for (const double weight : weights) {
    const double share = weight * static_cast<double>(whole);
    const double part = std::round(share);
    if ((part < 1 && weight > 0) || std::abs(share - part) > kTolerance * part) return {};
    parts.push_back(static_cast<uint64_t>(part));
  }
  return std::accumulate(parts.begin(), parts.end(), uint64_t{0}) == whole ? parts : std::vector<uint64_t>();
}

/// By largest remainders, after one part for everybody who has a weight.
std::vector<uint64_t> rounded_parts(std::span<const double> weights, uint64_t whole) {
  const auto present = static_cast<uint64_t>(std::ranges::count_if(weights, [](double weight) { return weight > 0; }));
  const uint64_t spare = whole - present;
  std::vector<uint64_t> parts;
  std::vector<std::pair<double, size_t>> remainders;
  for (const double weight : weights) {
    const double share = weight * static_cast<double>(spare);
    if (weight > 0) remainders.emplace_back(std::floor(share) - share, parts.size());
    parts.push_back((weight > 0 ? 1 : 0) + static_cast<uint64_t>(share));
  }
  const uint64_t left = whole - std::min(whole, std::accumulate(parts.begin(), parts.end(), uint64_t{0}));
  std::sort(remainders.begin(), remainders.end());
  for (size_t i = 0; i < left; ++i) ++parts[remainders[i % remainders.size()].second];
  return parts;
}

}  // namespace

std::vector<uint64_t> whole_parts(std::span<const double> weights) {
  if (weights.size() > kMostParts) throw std::invalid_argument(fmt::format("takes at most {} weights", kMostParts));
  for (const double weight : weights)
    if (!std::isfinite(weight) || weight < 0)
      throw std::invalid_argument(fmt::format("a weight is a number from 0 on, not {:g}", weight));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(sum > 0)) throw std::invalid_argument("one weight at least must be above 0");
  std::vector<double> shares(weights.begin(), weights.end());
  for (double& share : shares) share /= sum;
  for (uint64_t whole = 1; whole <= kMostParts; ++whole)
    if (auto parts = exact_parts(shares, whole); !parts.empty()) return parts;
  return rounded_parts(shares, kMostParts);
}

Apportionment::Apportionment(std::span<const uint64_t> parts) : parts_(parts.begin(), parts.end()) {
  const uint64_t whole = std::accumulate(parts_.begin(), parts_.end(), uint64_t{0});
  using Turns = std::tuple<uint64_t, uint32_t, uint32_t>;  // a position, stratum, rank; the smallest first
  using Queue = std::priority_queue<Turns, std::vector<Turns>, std::greater<>>;
  Queue coming;  // of each stratum its next turn, by the first position that it may have
  Queue due;     // those that may have one by now, by the last
  for (uint32_t stratum = 0; stratum < parts_.size(); ++stratum)
    if (parts_[stratum] > 0) coming.emplace(0, stratum, 0);
  period_.reserve(whole);
  while (period_.size() < whole) {
    while (!coming.empty() && std::get<0>(coming.top()) <= period_.size()) {
      const auto [first, stratum, rank] = coming.top();
      const uint64_t part = parts_[stratum], next = rank + uint64_t{1};
      coming.pop();
      due.emplace((next * whole + part - 1) / part - 1, stratum, rank);
      if (next < part) coming.emplace(next * whole / part, stratum, static_cast<uint32_t>(next));
    }
    const auto [last, stratum, rank] = due.top();
    due.pop();
    period_.push_back({stratum, rank});
  }
}

Apportionment::Turn Apportionment::at(uint64_t position) const {
  const Slot& slot = period_[position % period_.size()];
  return {slot.stratum, position / period_.size() * parts_[slot.stratum] + slot.rank};
}

std::vector<uint64_t> Apportionment::counts(uint64_t positions) const {
  std::vector<uint64_t> counts = parts_;
  for (uint64_t& count : counts) count *= positions / period_.size();
  for (uint64_t slot = 0; slot < positions % period_.size(); ++slot) ++counts[period_[slot].stratum];
  return counts;
}

}  // namespace atelier
