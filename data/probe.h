#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/fault_counts.h"
#include "data/lookalikes.h"
#include "data/manifest.h"
#include "data/source.h"
#include "data/stream.h"

/// What a list is worth before it is downloaded: some of its rows are asked for, none is fetched.
namespace atelier {

/// How long answers took, in steps of 12 %: whoever adds in whatever order gets the same.
class Latencies {
 public:
  void add(double seconds);
  uint64_t size() const { return size_; }
  /// The smallest step that holds `share` of them; 0 when there are none.
  double quantile(double share) const;

 private:
  std::map<int, uint32_t> counts_;
  uint64_t size_ = 0;
};

/// Rows of one host.
struct HostReport {
  uint64_t asked = 0, alive = 0;
  FaultCounts failures{};
  Latencies latencies;  ///< of good answers
};

/// Rows that repeat a value of a row further up.
struct Repeats {
  uint64_t rows = 0;
  uint64_t row = 0, first = 0;  ///< the first of them, and the row that it repeats
};

struct ProbeReport {
  static constexpr size_t kMostHosts = 1'000'000;  ///< the others count as one
  static constexpr size_t kMostTypes = 1'000;
  __extension__ using Squares = unsigned __int128;
  static constexpr size_t kSizes = 9;  ///< under 4 KiB, under 16 KiB, ... under 64 MiB, more

  uint64_t rows = 0;     ///< that a run would use
  uint64_t planned = 0;  ///< to be asked for; == rows: all of them
  uint64_t asked = 0;
  uint64_t alive = 0;
  uint64_t without_length = 0;            ///< of the alive ones
  uint64_t by_get = 0;                    ///< had to be asked by GET
  uint64_t bytes = 0;                     ///< sum over the alive ones that told their length
  Squares squares = 0;                    ///< sum of their squares
  uint64_t most_bytes = 0;                ///< data.max_image_size
  std::array<uint64_t, kSizes> sizes{};   ///< of the alive ones and of those that are too large
  FaultCounts failures{};                 ///< kTooLargeByHead: over most_bytes
  std::map<std::string, uint64_t> types;  ///< of the alive ones that do not say to be images
  std::map<std::string, HostReport> hosts;
  uint64_t compared = 0;                 ///< rows looked through for repeats, from the first on
  Repeats same_url, same_sha256;         ///< among them
  std::vector<uint64_t> alive_rows;      ///< of the sample's first Lookalikes::kMostPictures alive ones, rising
  std::optional<Lookalikes> lookalikes;  ///< among them; nothing: not looked for

  /// Counts one answer.
  void add(const std::string& host, const Answer& answer);
};

/// A share of a sample of `asked` as one of all rows: Wilson's score interval at 95 % (Wilson 1927). The share itself
/// where all rows were asked for.
struct ShareInterval {
  double low = 0, high = 0;
};
ShareInterval interval_of(uint64_t count, uint64_t asked, uint64_t rows);
ShareInterval interval_of(uint64_t count, const ProbeReport& report);
/// " 91.6 % (89.7 to 93.2 % of all rows)", the first number padded for a table; without an interval where all rows were
/// asked.
std::string share_text(uint64_t count, uint64_t asked, uint64_t rows);

/// Bytes of all rows, from those that told their length: the mean and its normal interval at 95 %. 0: none told it.
struct Volume {
  double bytes = 0, low = 0, high = 0;
};
Volume volume_of(const ProbeReport& report);

/// A source that looks and fetches nothing: HEAD, and where that is refused or tells no length the first KiB by GET.
MakeSource probing_source(const DataConfig& data);

/// Asks for `sample` rows of `plan` (0: all), the first that a full shuffle by the run's seed would visit, at the pace
/// that each host bears. What fails for a while is asked again for at most 10 s.
///   told  called after each answer with the report so far
ProbeReport probe(const Config& config, const StreamPlan& plan, uint64_t sample, const MakeSource& source,
                  const std::function<void(const ProbeReport&)>& told, const std::stop_token& stop);

/// Looks through the first 10,000,000 rows of the list for the same url, and the same sha256, twice.
void find_repeats(const Manifest& manifest, ProbeReport& report, const std::function<void(double share)>& progress);

/// The report for people, and as one JSON object.
std::string probe_text(const ProbeReport& report);
std::string probe_json(const ProbeReport& report);

}  // namespace atelier
