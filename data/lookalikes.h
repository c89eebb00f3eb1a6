#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/fault_counts.h"
#include "data/manifest.h"
#include "data/source.h"
#include "images/fingerprint.h"

/// Near duplicates: pictures that look alike, whatever their files are.
namespace atelier {

/// The most places in which the fingerprints of pictures that look alike differ: what PDQ's authors advise for 256 bits
/// (Facebook 2019), and of the distances measured here the largest at which different pieces of furniture stay apart.
inline constexpr int kMostDifference = 31;

/// A row, and how far its picture is from the first of its group.
struct Lookalike {
  uint64_t row = 0;
  int distance = 0;
  std::string url = {};  ///< without credentials
  bool operator==(const Lookalike&) const = default;
};

struct Lookalikes {
  static constexpr size_t kMostPictures = 1'000'000;

  uint64_t planned = 0;                        ///< pictures to be fetched
  bool complete = false;                       ///< false: stopped before all had come
  uint64_t compared = 0;                       ///< that came, and are not too plain
  uint64_t plain = 0;                          ///< came, and would be like any other plain one
  FaultCounts failures{};                      ///< of the others
  std::vector<std::vector<Lookalike>> groups;  ///< of two rows or more, both by rising row

  uint64_t repeats() const;  ///< rows that could be left out: all but the first of each group
};

/// One picture to compare.
struct Look {
  uint64_t row = 0;
  Fingerprint print;
};

/// The groups among `looks`, which are by rising row: each picture goes to the first one before it that is at most
/// kMostDifference away and heads a group, else it heads one itself; so no chain of small differences joins what is not
/// alike. Finds every such head by the words of the fingerprint (multi-index hashing, Norouzi, Punjani and Fleet 2012):
/// two that differ in at most 31 of 256 bits differ in at most one bit of one of their 16 words. Where 1,024 heads have
/// the same word, further ones are found by their other words only.
///   progress  as in ManifestOptions; it may throw
std::vector<std::vector<Lookalike>> group_looks(const std::vector<Look>& looks,
                                                const std::function<void(double share)>& progress = {});

/// Fetches and decodes the images of `rows` (by rising row; at most the first kMostPictures), one after another on this
/// thread, and groups them. What fails for a while is asked again as streaming does.
///   source    as open_source makes it
///   told      called after each answer: those that have come, and all
///   grouping  progress of group_looks
///   stop      ends it; then nothing is compared
Lookalikes find_lookalikes(const Config& config, const Manifest& manifest, std::vector<uint64_t> rows,
                           const MakeSource& source, const std::function<void(uint64_t come, uint64_t all)>& told,
                           const std::function<void(double share)>& grouping, const std::stop_token& stop);

/// For people, the first groups; and as one JSON object, all of them.
std::string lookalikes_text(const Lookalikes& lookalikes);
nlohmann::ordered_json lookalikes_json(const Lookalikes& lookalikes);

}  // namespace atelier
