#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/apportionment.h"
#include "data/order.h"
#include "data/row_set.h"

namespace atelier {

/// Rows that are shuffled among themselves, and that stand in for each other: one list of a mix, one label of a
/// balanced list, one shape of picture, or what is all of these at once; all rows where there is none of them.
struct Stratum {
  std::string name;  ///< for people
  RowSet rows;
  size_t shape = 0;  ///< which of the plan's frames its pictures are fitted to
  bool operator==(const Stratum&) const = default;
};

/// The shares of the strata from a position on.
struct Weighting {
  uint64_t position = 0;
  std::vector<double> weights;  ///< one a stratum, 0 for none
  bool operator==(const Weighting&) const = default;
};

/// Which row a position stands for, where rows are in strata. Pure: the turn of a stratum follows from the weights, and
/// its row from the seed and the number of its turns before; so each stratum has passes of its own, in which every row
/// comes once, and after any number of positions each stratum has had its share to within one sample.
///
/// Shapes take turns by whole blocks of positions: after any number of blocks each shape has had the share of all its
/// strata to within one block, and inside its blocks, put end to end, each stratum its own to within one sample. With
/// one shape a block is nothing.
///
/// Reading is const and may be done from any number of threads.
class StratifiedOrder {
 public:
  /// order    seed, mode and window; each stratum has its own number of entries, and its own seed
  /// strata   at least one; none that ever has a weight is empty
  /// weights  by rising position, the first at 0; not needed for one stratum
  /// origin   where the run turned to these strata: their turns, and blocks, count from there
  /// block    positions of a block; a change of weights inside one waits for the next
  /// Throws std::invalid_argument, a clause, for weights that do not fit.
  StratifiedOrder(const Order& order, std::vector<Stratum> strata, const std::vector<Weighting>& weights = {},
                  uint64_t origin = 0, uint64_t block = 1);

  const std::vector<Stratum>& strata() const { return strata_; }
  uint64_t stratum_at(uint64_t position) const { return turn_at(position).stratum; }
  /// The row at `position` (from the origin on), or the one that stands in for it when that and `attempt` - 1
  /// substitutes cannot be had.
  uint64_t row_at(uint64_t position, uint64_t attempt = 0) const;

 private:
  /// Positions that share one weighting.
  struct Leg {
    uint64_t begin;
    Apportionment shapes;                     // whose block it is
    std::map<uint64_t, Apportionment> turns;  // of the strata of each shape that has weight
    std::vector<uint64_t> before;             // turns of each stratum in earlier legs
  };
  void add_leg(uint64_t begin, const std::vector<double>& weights);
  std::vector<uint64_t> turns_until(uint64_t end) const;
  Apportionment::Turn turn_at(uint64_t position) const;

  uint64_t block_;
  std::vector<Stratum> strata_;
  std::vector<Order> orders_;
  std::vector<Leg> legs_;
};

}  // namespace atelier
