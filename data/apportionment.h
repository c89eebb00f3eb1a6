#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace atelier {

/// The smallest whole numbers in the proportions of `weights`, to a part in 10^9: 0.7 and 0.3 are 7 and 3. At most
/// kMostParts in all: finer proportions are rounded to that many, and only 0 to 0. Throws std::invalid_argument, a
/// clause, for a weight that is no number from 0 on, when all are 0, and for more than kMostParts of them.
inline constexpr uint64_t kMostParts = uint64_t{1} << 20;
std::vector<uint64_t> whole_parts(std::span<const double> weights);

/// Whose turn it is: shares positions 0, 1, 2, ... among strata so that after any number of positions each has had its
/// exact share, rounded up or down. Deterministic, without draws; every sum(parts) positions it repeats.
///
/// The k-th turn (from 0) of a stratum with p of P parts falls at a position from floor(k P / p) to
/// ceil((k + 1) P / p) - 1: earliest deadline first finds such a schedule whenever there is one, and there always is
/// (Baruah, Cohen, Plaxton and Varvel 1996, "Proportionate progress").
///
/// A value; 8 bytes a part. Reading is const and may be done from any number of threads.
class Apportionment {
 public:
  /// `parts`: one number a stratum; from 1 to kMostParts in all.
  explicit Apportionment(std::span<const uint64_t> parts);

  struct Turn {
    uint64_t stratum = 0;
    uint64_t rank = 0;  ///< turns that this stratum has had before
  };
  Turn at(uint64_t position) const;
  /// Turns of each stratum in the first `positions`.
  std::vector<uint64_t> counts(uint64_t positions) const;

 private:
  struct Slot {
    uint32_t stratum;
    uint32_t rank;  // in this period
  };
  std::vector<uint64_t> parts_;
  std::vector<Slot> period_;
};

}  // namespace atelier
