#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "configs/config.h"
#include "configs/console.h"
#include "data/stream.h"
#include "train/checkpoint_writer.h"
#include "train/fault_record.h"
#include "train/loss_log.h"
#include "train/report.h"
#include "train/session.h"
#include "train/trace.h"

namespace atelier {

/// True at most once in so many seconds.
class Every {
 public:
  explicit Every(double seconds) : seconds_(seconds) {}
  bool due();

 private:
  double seconds_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// A run under way: takes batches from the stream to the trainer, and shows and saves what comes of it. Part of the
/// program: it prints.
class TrainingLoop {
 public:
  /// All of them outlive the loop. `trace` may be null.
  TrainingLoop(const Config& config, Session& session, Report& report, Stream& stream, Console& console,
               Trace* trace = nullptr);

  /// Steps until the run is finished, `until` steps are done since its start, or `stop` is requested; then saves. What
  /// is due at the end of an epoch is saved before it is shown, and `stop` ends the showing.
  /// Returns whether the run is finished and shown. Throws when the stream ends for good (saved before), when training
  /// has diverged (not saved), and when the last saving fails.
  bool run(const std::stop_token& stop, std::optional<uint64_t> until = {});

 private:
  static constexpr const char* kGoesOn = " The run goes on.";

  const Clock& clock() const { return trainer_.clock(); }
  bool epoch_ends() const;
  bool is_due(int64_t epochs) const;
  int64_t epoch() const;
  bool step(const std::stop_token& stop);
  Batch next_batch(const std::stop_token& stop);
  bool show_pictures(const std::stop_token& stop);
  void measure_held_out(const std::stop_token& stop);
  void draw_samples(const std::stop_token& stop);
  std::function<void(double share)> show(const char* doing, const std::stop_token& stop);
  void tell_epoch();
  void write_status(const char* state, const char* then = kGoesOn);
  void write_stream_report() const;
  void tell_failures();
  void save_what_is_due();
  void save(CheckpointWriter::Parts parts);
  void finish_saving();
  void tell(const std::optional<std::string>& failure, const char* then = kGoesOn);
  void tolerate(const std::function<void()>& write, const char* then = kGoesOn);
  void warn(const std::string& what, std::string_view then);

  const Config& config_;
  Session& session_;
  Trainer& trainer_;
  Report& report_;
  Stream& stream_;
  Console& console_;
  Trace* const trace_;
  const std::vector<std::string> players_;  // their names
  FaultRecord faults_;
  const LossLog losses_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Every status_{10}, stream_report_;
  PhaseTimes noted_{};  // what logs, metrics and status of the last step took: a part of the next one
  CheckpointWriter writer_;
};

}  // namespace atelier
