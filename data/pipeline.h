#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "data/assembly.h"
#include "data/channel.h"
#include "data/chooser.h"
#include "data/decoding_memory.h"
#include "data/failure_rate.h"
#include "data/flight.h"
#include "data/retry.h"
#include "data/stage_clock.h"
#include "data/standing.h"
#include "data/stream.h"
#include "data/watchdog.h"

namespace atelier {

/// A batch on its way to the consumer, with the verdicts that were found for its positions.
struct Delivery {
  Batch batch;
  std::vector<Verdict> verdicts;
  uint64_t substituted = 0;
};

/// The stream's own thread and all that it owns: it plans positions, asks the source, waits, retries, hands bytes to
/// TBB, and seals samples in order of position. Everything that happens elsewhere reaches it as an event.
class Pipeline {
 public:
  Pipeline(const Config& config, StreamPlan plan, const MakeSource& make_source);
  ~Pipeline();

  /// The next batch, in order; nothing: stopped, or not there by `until`. Throws what ended the run, and when nothing
  /// has moved for data.stall_limit of waiting here.
  std::optional<Delivery> next(const std::stop_token& stop, SteadyClock::time_point until);
  /// The end, for whoever owns the pipeline. False: after a stall, a thread has not come back within kGrace. Then the
  /// pipeline must be left to its threads, undestroyed, until the process ends.
  bool retire();
  static constexpr std::chrono::seconds kGrace{5};
  const StreamPlan& plan() const { return plan_; }
  /// The counts of fetching and decoding; what the consumer counts is left zero.
  StreamReport report() const;
  /// Every verdict so far, that of positions still in flight included.
  Verdicts ledger() const;

 private:
  struct Developed {
    uint64_t index;
    std::optional<Failure> failure;
    std::exception_ptr error;
    double seconds = 0;  // on its thread
    uint64_t bytes = 0;  // encoded
  };
  /// Fetched bytes and where their pixels go.
  struct Job {
    Flight* fetched;
    Slot slot;
  };
  struct Wake {};  // room came back, or the end is near
  using Event = std::variant<Answer, Developed, Wake>;

  /// Where the run is over, and why. Positions before it are still delivered.
  struct Ending {
    uint64_t index;
    std::string sentence;
  };

  void run();
  void wait_for_events();
  void handle(Answer answer);
  void handle(Developed developed);
  void handle(Wake) {}
  void note(Fault fault);

  void wake_due_flights();
  void admit();
  bool is_oldest(uint64_t index) const;
  bool has_room(uint64_t index) const;
  bool is_planned() const { return planned_ == assembly_.samples(); }
  bool may_plan() const;
  void plan_flight();
  void submit(Flight& flight);
  void request(Flight& flight, Part part, const std::string& url, const Item& item);

  void choose(Flight& flight, uint64_t attempt);
  void settle(Flight& flight);
  void retry_later(Flight& flight, Failure failure);
  void give_up(Flight& flight, Failure failure);
  void note_fetched(Flight& flight);
  void admit_fetched();
  void start_developing(Flight& flight);
  Developed develop_next();

  void judge();
  void seal();
  void check_outage();
  void end_at(uint64_t index, std::string sentence);
  std::exception_ptr failure_of_run(const std::string& sentence) const;
  void finish(std::exception_ptr error);
  void work();
  bool is_stalled(double waited);
  Standing standing() const;
  std::string failure_sentence(uint64_t position) const;
  std::string spent_sentence(uint64_t position) const;

  Flight& flight(uint64_t index) { return flights_.at(index - flights_.front().index); }
  void hold(Flight& flight, uint64_t bytes);
  void release(Flight& flight, uint64_t bytes);
  uint64_t memory() const { return held_ + decoding_memory_.bytes() + assembly_.bytes_in_use(); }
  void look_at_stages();
  void publish_report();
  void end_source();
  void publish_standing();

  const DataConfig settings_;
  const StreamPlan plan_;
  const Recipe recipe_;
  const uint64_t seed_;
  const int threads_;
  const uint64_t sample_reserve_;  // bytes that the parts of one sample may come to

  Channel<Event> inbox_;
  Channel<Job> jobs_;
  Channel<Delivery> ready_;
  std::atomic<uint64_t> ready_count_ = 0;
  std::exception_ptr error_;  // set before ready_ closes
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> moves_ = 0;   // answers, images decoded
  std::atomic<bool> at_work_ = true;  // the thread is not waiting for events
  std::promise<void> ended_;          // the thread has nothing left to do
  Watchdog watchdog_;                 // the consumer's own
  bool stalled_ = false;              // as well
  uint64_t taken_ = 0;                // as well: samples

  // What follows belongs to the thread.
  Assembly assembly_;
  Chooser chooser_;
  FailureRate failure_rate_;
  Reachability reachability_;
  StageClock stage_clock_;
  StageActivity activity_;
  std::deque<Flight> flights_;  // in order of position; references last until sealed
  uint64_t planned_ = 0;        // samples so far
  uint64_t judged_ = 0;
  std::set<uint64_t> wanted_;  // to be submitted as soon as there is room, oldest first
  std::set<std::pair<SteadyClock::time_point, uint64_t>> waiting_;
  std::set<uint64_t> fetched_;  // to be decoded as soon as there is room, oldest first
  uint64_t held_ = 0;           // encoded bytes
  DecodingMemory decoding_memory_;
  uint64_t transfers_ = 0;
  int decoding_ = 0;
  uint64_t done_ = 0;  // flights that are, and wait for their turn
  std::vector<Verdict> batch_verdicts_;
  uint64_t batch_substituted_ = 0;
  std::optional<Ending> ending_;
  std::string last_failure_;
  StreamReport counts_;

  mutable std::mutex report_mutex_;  // guards what others may look at
  StreamReport report_;
  std::vector<HostCounts> last_hosts_;  // once source_ is gone
  Standing standing_;
  Verdicts ledger_;

  oneapi::tbb::global_control tbb_threads_;
  oneapi::tbb::task_arena arena_;
  std::unique_ptr<Source> source_;
  std::jthread thread_;
};

}  // namespace atelier
