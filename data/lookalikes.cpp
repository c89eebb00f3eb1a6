#include "data/lookalikes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

#include "data/ask_all.h"
#include "data/develop.h"
#include "data/url.h"

namespace atelier {
namespace {

constexpr size_t kWords = std::tuple_size_v<decltype(Fingerprint::words)>;
static_assert(kMostDifference < 2 * static_cast<int>(kWords), "one word then differs in at most one bit");

constexpr size_t kMostOfAWord = 1024;  // heads: a list made for it could otherwise compare each with each

/// The pictures that head groups, found by any word of theirs.
class Heads {
 public:
  Heads() {
    for (auto& heads : by_word_) heads.resize(size_t{1} << 16);
  }

  void add(const Fingerprint& print) {
    for (size_t i = 0; i < kWords; ++i) {
      auto& heads = by_word_[i][print.words[i]];
      if (heads.size() < kMostOfAWord) heads.push_back(static_cast<uint32_t>(prints_.size()));
    }
    prints_.push_back(print);
  }

  /// The oldest that is like `print`; kNone: there is none.
  uint32_t find(const Fingerprint& print) const {
    uint32_t oldest = kNone;
    for (size_t i = 0; i < kWords; ++i) {
      oldest = std::min(oldest, find_by(i, print.words[i], print));
      for (unsigned bit = 0; bit < 16; ++bit)
        oldest = std::min(oldest, find_by(i, static_cast<uint16_t>(print.words[i] ^ (1u << bit)), print));
    }
    return oldest;
  }

  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

 private:
  uint32_t find_by(size_t place, uint16_t word, const Fingerprint& print) const {
    const auto& heads = by_word_[place][word];
    const auto like = [&](uint32_t head) { return distance(prints_[head], print) <= kMostDifference; };
    const auto found = std::find_if(heads.begin(), heads.end(), like);
    return found == heads.end() ? kNone : *found;
  }

  std::array<std::vector<std::vector<uint32_t>>, kWords> by_word_;  // heads, the oldest first
  std::vector<Fingerprint> prints_;                                 // by head
};

constexpr Framing kFraming{
    .size = {Fingerprint::kSide, Fingerprint::kSide}, .fit = FrameFit::kStretch, .filter = Filter::kArea};

}  // namespace

uint64_t Lookalikes::repeats() const {
  return std::accumulate(groups.begin(), groups.end(), uint64_t{0},
                         [](uint64_t sum, const auto& group) { return sum + group.size() - 1; });
}

std::vector<std::vector<Lookalike>> group_looks(const std::vector<Look>& looks,
                                                const std::function<void(double share)>& progress) {
  constexpr size_t kTold = 1024;
  Heads heads;
  std::vector<std::vector<Lookalike>> groups;
  std::vector<const Fingerprint*> prints;  // of the heads
  for (size_t i = 0; i < looks.size(); ++i) {
    if (progress && i % kTold == 0) progress(static_cast<double>(i) / static_cast<double>(looks.size()));
    const auto& [row, print] = looks[i];
    if (const uint32_t head = heads.find(print); head != Heads::kNone) {
      groups[head].push_back({.row = row, .distance = distance(*prints[head], print)});
    } else {
      heads.add(print);
      prints.push_back(&print);
      groups.push_back({{.row = row}});
    }
  }
  std::erase_if(groups, [](const auto& group) { return group.size() == 1; });
  if (progress) progress(1);
  return groups;
}

Lookalikes find_lookalikes(const Config& config, const Manifest& manifest, std::vector<uint64_t> rows,
                           const MakeSource& source, const std::function<void(uint64_t come, uint64_t all)>& told,
                           const std::function<void(double share)>& grouping, const std::stop_token& stop) {
  rows.resize(std::min(rows.size(), Lookalikes::kMostPictures));
  Lookalikes result{.planned = rows.size(), .failures = {}, .groups = {}};
  std::vector<std::optional<Fingerprint>> prints(rows.size());
  std::vector<uint8_t> planes(3 * size_t{Fingerprint::kSide} * Fingerprint::kSide);
  const auto judge = [&](const Answer& answer) -> std::optional<Failure> {
    if (const auto* failure = std::get_if<Failure>(&answer.body)) return *failure;
    if (auto failure =
            failure_of(decode_framed(std::get<std::vector<std::byte>>(answer.body), kFraming, {}, planes), ""))
      return failure;
    prints[answer.ticket] = fingerprint(planes);
    ++(prints[answer.ticket] ? result.compared : result.plain);
    return std::nullopt;
  };
  uint64_t come = 0;
  result.complete = ask_all(
      source, rows.size(), patience_for_images(config),
      [&](uint64_t number) {
        return Request{.ticket = number, .url = manifest.entry(rows[number]).url, .item = {rows[number]}};
      },
      [&](const Outcome& outcome) {
        if (const auto failure = judge(outcome.answer)) ++result.failures.at(static_cast<size_t>(failure->fault));
        if (told) told(++come, rows.size());
      },
      stop);
  if (!result.complete) return result;
  std::vector<Look> looks;
  for (size_t i = 0; i < rows.size(); ++i)
    if (prints[i]) looks.push_back({rows[i], *prints[i]});
  result.groups = group_looks(looks, grouping);
  for (auto& group : result.groups)
    for (Lookalike& each : group) each.url = without_credentials(manifest.entry(each.row).url);
  return result;
}

}  // namespace atelier
