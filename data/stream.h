#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/batch.h"
#include "data/latency.h"
#include "data/plan.h"
#include "data/source.h"
#include "data/verdicts.h"

namespace atelier {

/// How a stage has been doing since the stream began.
struct StageReport {
  /// Seconds that it was busy, that it had no input, and that there was no room for its output (or, to decode, in
  /// data.memory); they add up to the time since the stream began. Decoding counts the mean of its threads; deliver
  /// counts from the first batch on and is busy while the consumer is away.
  double busy = 0, starved = 0, blocked = 0;
  /// One item: from asking the source for an image to its answer, whatever it is, with the wait for others of its host;
  /// decoding one image on its thread; one wait of next() for a batch.
  Latency item;
  uint64_t bytes = 0;        ///< encoded bytes that came, that were decoded, bytes of the pixels delivered
  uint64_t waiting = 0;      ///< samples now: asked for; fetched and not decoded; decoded and not taken
  double waiting_total = 0;  ///< the same, times the seconds that they waited: divided by the time, the mean
};

/// Which stage the others wait for, and the images/s on both sides.
struct Limit {
  std::string stage;          ///< "network", "decode" or "consumer"
  std::string host;           ///< the one that was waited for most, when the network limits
  double network_gives = 0;   ///< answers, while any were awaited
  double decode_gives = 0;    ///< with all threads busy, or as many as data.memory has room for
  double consumer_takes = 0;  ///< if it never had to wait; 0: it does nothing but wait
  std::string sentence;       ///< "network: example.org:443 gives 31.0 images/s, the consumer takes 55.2"
  std::string brief;          ///< "network (example.org:443) 31.0 of 55.2/s"
};

/// A snapshot for progress lines; counts since the stream began.
struct StreamReport {
  uint64_t delivered = 0;    ///< samples
  uint64_t substituted = 0;  ///< positions where another entry stands in
  uint64_t retries = 0;
  SourceCounts source;
  std::array<uint64_t, kFaultCount> failures{};  ///< failed attempts by Fault, transient ones included
  StageReport fetch, decode, deliver;
  int decode_threads = 0;
  std::vector<HostCounts> hosts;  ///< those that were waited for most, the worst first
  uint64_t memory = 0;       ///< bytes of data.memory in use: transfers at their largest, encoded, decoded, batches
  uint64_t peak_memory = 0;  ///< the most that ever were
  double waited = 0;         ///< seconds next() blocked
  Limit limit;
};

/// Ends a stream that nothing but another list or other settings can help: every image that was tried is at an address
/// that is refused, or at a url or path that names nothing.
struct HopelessList : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// list -> order -> fetch -> decode -> resize -> augment -> batch.
///
/// The batches are a pure function of (settings, list, verdicts): the same for any number of threads or connections and
/// any order of arrival. Fetching looks ahead inside data.memory; the oldest undelivered position is always admitted,
/// so that the budget can delay but never deadlock. An entry with a verdict is replaced by substitute_at, which moves
/// nobody else.
///
/// Threads: one runs the consumer (next and state), one is the stream's own, one the source's; TBB decodes. report and
/// ledger may be called from any.
class Stream {
 public:
  /// What data.list holds, opened and planned, from its beginning; or from where save_stream (saved_stream.h) left off.
  /// Throws as open_list, plan_stream and resume_stream do.
  explicit Stream(const Config& config, const std::string& saved = {});
  /// `make_source` makes where the bytes come from; by default what open_source opens.
  /// Throws std::invalid_argument for settings that do not go together.
  Stream(const Config& config, StreamPlan plan, const MakeSource& make_source = {});
  /// Waits for what is under way. After a stall for 5 s at most: what hangs even then is left behind with all that it
  /// uses (the source too), so that the program can save, say why and end.
  ~Stream();

  /// The next batch of this rank: blocks until it is there. The stream never ends by itself, unless its plan says
  /// where: then nothing from there on is fetched, the last batch may be a short one, and one more is a
  /// std::logic_error. A batch never mixes rows of two calls' positions: it holds positions [p + share.begin, p +
  /// share.end) of global batch p .. p + batch - 1. Throws std::runtime_error, one sentence, when more than
  /// data.max_failure_rate of the last 10,000 positions failed (judged from 100 positions on), when nothing was
  /// reachable for data.outage_limit, when every entry of the list has a verdict (in the first and the last case
  /// perhaps HopelessList), or when nothing at all has moved for data.stall_limit of waiting here: then something
  /// hangs. `stop` ends the wait within 100 ms, and so does the end of `patience`: then the batch is empty (size 0).
  Batch next(const std::stop_token& stop = {}, std::chrono::milliseconds patience = std::chrono::hours(24 * 365));

  /// What it is made of: labels are plan().manifest->labels(), a pass is plan().order.entries positions.
  const StreamPlan& plan() const;

  /// After the batches delivered so far. Verdicts of positions not yet delivered are left out, so that the state does
  /// not depend on how far ahead the stream had read.
  StreamState state() const;
  StreamReport report() const;
  /// Every verdict so far, those of positions not yet delivered included: for people to read, not to resume from.
  Verdicts ledger() const;

 private:
  struct Consumer;
  std::unique_ptr<Consumer> consumer_;
};

}  // namespace atelier
