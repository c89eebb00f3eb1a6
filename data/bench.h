#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "configs/config.h"
#include "data/latency.h"
#include "data/manifest.h"

/// Each stage of a stream alone, then all together, and what follows from that for other machines.
namespace atelier {

/// What was measured of one stage.
struct BenchStage {
  uint64_t images = 0;    ///< good ones
  uint64_t failures = 0;  ///< the others
  double seconds = 0;
  double cpu_seconds = 0;  ///< of the whole process meanwhile
  Latency item;            ///< a lookup, an answer, a decoded image, a wait for a batch

  double per_second() const { return seconds > 0 ? static_cast<double>(images) / seconds : 0; }
  double cpu_per_image() const { return images > 0 ? cpu_seconds / static_cast<double>(images) : 0; }
};

struct BenchResult {
  BenchStage list;        ///< order and list: position -> row -> entry, on one thread
  BenchStage fetch;       ///< the bytes of images, dropped
  BenchStage decode_one;  ///< images in memory -> pixels, on one thread
  BenchStage decode_all;  ///< and on all
  BenchStage stream;      ///< everything
  int threads = 0;        ///< that decode
  uint64_t rows = 0;      ///< of a pass
};

struct BenchOptions {
  double seconds = 3;                                 ///< of each stage, at most
  std::function<void(const std::string& stage)> now;  ///< told when a stage begins
  std::stop_token stop;
};

/// Of fewer images a rate says little: a list of fewer is gone over again until so many have been asked for.
inline constexpr uint64_t kFewestImages = 1000;

/// Measures. No image is asked for twice in one stage, unless the list has fewer than kFewestImages; condition images
/// are left out. Throws std::runtime_error when no image can be had. Nothing: stopped.
std::optional<BenchResult> bench(const Config& config, const std::shared_ptr<const Manifest>& manifest,
                                 const BenchOptions& options);

/// What a machine with so many cores could do at best, and what it would wait for: "cores", "one libcurl loop", "one
/// stream thread" or "network".
struct BenchForecast {
  int cores = 1;
  double per_second = 0;
  std::string limit;
};

/// What follows from the stages' costs.
struct BenchModel {
  double best = 0;                       ///< images/s of the slowest stage
  std::string limit;                     ///< its name: "list", "fetch" or "decode"
  double threads = 0;                    ///< decoding threads at which decoding gives what fetching gives
  double loop_limit = 0;                 ///< images/s of the thread that fetches, on a core of its own
  double thread_limit = 0;               ///< and of the stream's own thread
  bool network_idles = false;            ///< fetching took under 0.8 of a core: it was held up from outside
  std::vector<BenchForecast> forecasts;  ///< 1, 2, 4, ... 64 cores
};
BenchModel model_of(const BenchResult& result);

std::string bench_text(const BenchResult& result);
std::string bench_json(const BenchResult& result);

}  // namespace atelier
