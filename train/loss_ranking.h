#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace atelier {

/// The loss of one sample of one step. `noise_level` is 0 where there are none.
struct SampleLoss {
  uint64_t entry = 0;
  double loss = 0;
  double noise_level = 0;
};

/// What the steps say about one entry.
struct EntryLoss {
  uint64_t entry = 0;
  uint64_t seen = 0;    ///< how often, with a finite loss
  double loss = 0;      ///< mean
  double relative = 0;  ///< mean of loss / mean loss of its peers: 1 is as good as the others
};

/// Ranks entries by how much higher their losses are than those of their peers: the samples of the same stretch of the
/// run and the same quarter of its noise levels. So an entry does not seem bad for being seen early, when all losses
/// were high, nor for the noise that it was drawn, which decides about a loss more than the picture does.
class LossRanking {
 public:
  /// Samples of a stretch: the steps that first come to so many.
  static constexpr size_t kStretch = 256;

  /// The samples of one step, in order of steps.
  void add(const std::vector<SampleLoss>& step);
  /// The `count` entries whose losses are relatively highest, the highest first; of equals the lower entry.
  std::vector<EntryLoss> worst(size_t count);

 private:
  void close_stretch();

  std::vector<SampleLoss> stretch_;
  std::unordered_map<uint64_t, EntryLoss> entries_;  // sums, until they are asked for
};

}  // namespace atelier
