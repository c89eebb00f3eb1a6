#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/probe.h"
#include "models/spec.h"
#include "train/checkpoint.h"
#include "train/choices.h"
#include "train/clock.h"
#include "train/memory_use.h"
#include "train/trial.h"

/// What a run will take, from what is known and was tried before its first step. Values; nothing is measured here.
namespace atelier {

struct Forecast {
  Config config;
  Clock clock;           ///< where the run starts or goes on
  bool resumes = false;  ///< it has a checkpoint
  Choices choices = {};
  ModelSpec spec = {};
  std::map<std::string, int64_t> parameters = {};  ///< of each player
  uint64_t rows = 0;                               ///< to train on
  uint64_t held_out = 0;                           ///< samples of a held-out loss
  uint64_t checkpoint_bytes = 0;
  uint64_t averages_bytes = 0;      ///< of one snapshot of the averages
  uint64_t snapshots = 0;           ///< of these, still to come
  Room to_begin = {}, to_end = {};  ///< room_to_begin() and room_to_end()
  uint64_t cache_free = 0;          ///< on the disk of data.cache

  // What was tried, one after the other; what failed is the last.
  std::optional<ProbeReport> probe = {};
  std::optional<StreamTrial> stream = {};
  std::optional<StepTrial> steps = {};
  std::vector<MemoryUse> memory = {};  ///< that the run comes to
};

/// How often something is due that comes at the end of each so-manieth epoch and of the run.
uint64_t times_to_come(const Clock& clock, int64_t steps_per_epoch, int64_t epochs);

/// Seconds of a step in the long run.
struct Pace {
  double data = 0;     ///< that the stream needs for a batch when nothing else is done
  double compute = 0;  ///< that the trainer needs, on a CPU with what decoding takes of its cores
  bool data_limits() const { return data > compute; }
  double step() const { return data_limits() ? data : compute; }
  double waiting() const { return data_limits() ? 1 - compute / data : 0; }  ///< share of the time, for data
};
/// Needs `stream` and `steps`.
Pace pace_of(const Forecast& forecast);

/// Seconds to the end of the run.
struct TimeToGo {
  double steps = 0, held_out = 0, grids = 0;
  double all() const { return steps + held_out + grids; }
};
TimeToGo time_to_go(const Forecast& forecast);

/// Encoded bytes of one image that a run fetches, with its input image where it has a file of its own; nothing: nobody
/// told.
std::optional<double> bytes_per_image(const Forecast& forecast);

/// Why the run cannot work, in one sentence, as far as it was tried; nothing: it can.
std::optional<std::string> reason_against(const Forecast& forecast);
/// Nobody could be reached: not the list is at fault, but the network.
bool is_outage(const ProbeReport& report);

/// What a person should know although the run can work, a sentence each.
std::vector<std::string> warnings_of(const Forecast& forecast);

/// How long the run takes, what limits it and what would help, in a few sentences. Needs all.
std::string headline_of(const Forecast& forecast);

/// All of it as an aligned table, and as one JSON object; docs/training.md names its fields.
std::string forecast_text(const Forecast& forecast);
nlohmann::ordered_json forecast_json(const Forecast& forecast);

}  // namespace atelier
