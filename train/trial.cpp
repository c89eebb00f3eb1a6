#include "train/trial.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <new>
#include <numeric>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "train/grid.h"
#include "train/held_out.h"
#include "train/memory_use.h"
#include "train/micro_batch.h"

namespace atelier {
namespace {

using Time = std::chrono::steady_clock;

constexpr double kLongestWait = 120;  // seconds, for a first batch

double seconds_since(Time::time_point begin) { return std::chrono::duration<double>(Time::now() - begin).count(); }

double seconds_of(const std::function<void()>& work) {
  const auto begin = Time::now();
  work();
  return seconds_since(begin);
}

/// Usable images so far, in the order or ahead of it.
uint64_t come(const StreamReport& report) { return report.delivered + report.deliver.waiting; }

/// Nobody was there to answer, whoever was asked.
bool is_outage(const StreamReport& report) {
  const auto of = [&](Fault fault) { return report.failures.at(static_cast<size_t>(fault)); };
  const uint64_t unreachable = of(Fault::kDns) + of(Fault::kConnect);
  return unreachable > 0 && unreachable == std::accumulate(report.failures.begin(), report.failures.end(), uint64_t{0});
}

/// Until their rate is known, or there was none for kLongestWait.
void take_batches(StreamTrial& trial, Stream& stream, Batch& last,
                  const std::function<void(const StreamReport&)>& told) {
  constexpr double kLong = 10, kShort = 1;  // seconds
  constexpr uint64_t kEnough = 1000;        // images
  uint64_t before = 0;
  auto begin = Time::now();
  for (;;) {
    const bool has_begun = last.size > 0;
    Batch batch = stream.next({}, std::chrono::milliseconds(200));
    if (batch.size > 0) last = std::move(batch);
    trial.report = stream.report();
    told(trial.report);
    if (last.size == 0 && seconds_since(begin) > kLongestWait) return;
    if (has_begun) {
      const double seconds = seconds_since(begin);
      const uint64_t images = come(trial.report) - before;
      trial.images_per_second = static_cast<double>(images) / seconds;
      if (seconds >= kLong || (seconds >= kShort && images >= kEnough)) return;
    } else if (last.size > 0) {
      before = come(trial.report);
      begin = Time::now();
    }
  }
}

void let_read_ahead(const Stream& stream, const std::function<void(const StreamReport&)>& told) {
  constexpr double kLongest = 5;
  constexpr auto kLook = std::chrono::milliseconds(300);
  const auto begin = Time::now();
  for (uint64_t before = 0; seconds_since(begin) < kLongest;) {
    std::this_thread::sleep_for(kLook);
    const StreamReport report = stream.report();
    told(report);
    if (report.decode.item.count() == before) return;
    before = report.decode.item.count();
  }
}

/// 0, ..., from - 1 spread over `to` places.
torch::Tensor spread(int64_t from, int64_t to) { return torch::arange(to).mul(from).div(to, "floor"); }

torch::Tensor stretched(const torch::Tensor& planes, const Size& frame) {
  return planes.index_select(2, spread(planes.size(2), frame.height))
      .index_select(3, spread(planes.size(3), frame.width));
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void time_steps(StepTrial& trial, Trainer& trainer, const Examples& examples,
                const std::function<void(const std::string& doing)>& told) {
  constexpr double kLong = 20, kShort = 2;  // seconds
  constexpr size_t kFew = 3, kMany = 50;
  const auto begin = Time::now();
  std::vector<double> times;
  const auto is_enough = [&](double seconds) {
    if (times.empty()) return false;
    return seconds > kLong || times.size() >= kMany || (seconds > kShort && times.size() >= kFew);
  };
  for (int step = 1; !is_enough(seconds_since(begin)); ++step) {
    told(fmt::format("training step {}", step));
    StepResult result;
    const double seconds = seconds_of([&] { result = trainer.step(examples); });
    trial.faults += result.fault.has_value();
    if (step > 1) times.push_back(seconds);
  }
  trial.steps = static_cast<int>(times.size());
  trial.seconds = median(times);
}

/// A part of it: the time of the whole is in proportion to the samples, but for a GPU that a small part leaves idle.
double held_out_seconds(Trainer& trainer, const Examples& square, int64_t samples) {
  constexpr int64_t kPart = 32, kPartOnCpu = 4;
  if (samples == 0) return 0;
  const int64_t part = std::min(samples, trainer.state().choices.device.is_cpu() ? kPartOnCpu : kPart);
  const Examples some =
      fitted(square, part, {static_cast<int>(square.images.size(3)), static_cast<int>(square.images.size(2))});
  return seconds_of([&] { held_out_loss(trainer, some); }) * static_cast<double>(samples) / static_cast<double>(part);
}

/// One row of it: pictures are generated one by one.
double grid_seconds(Trainer& trainer, const Examples& square, int64_t held_out) {
  const ModelSpec& spec = trainer.objective().spec();
  const auto labels = std::max<int64_t>(1, static_cast<int64_t>(spec.labels.size()));
  const int64_t rows = std::min(kGridRows, spec.condition == "none" ? labels : held_out == 0 ? kGridRows : held_out);
  return seconds_of([&] { sample_grid(trainer, square, 1); }) * static_cast<double>(rows);
}

}  // namespace

Config config_of_trial(const Config& config) {
  constexpr double kPatience = 10, kOutage = 30;  // seconds
  Config trial = config;
  trial.data.sample_deadline = std::min(kPatience, config.data.sample_deadline);
  trial.data.outage_limit = std::min(kOutage, config.data.outage_limit);
  return trial;
}

StreamTrial try_stream(Stream& stream, Batch& last, const std::function<void(const StreamReport&)>& told) {
  StreamTrial trial;
  const auto end = [&](const std::exception& error) {
    trial.report = stream.report();
    if (is_outage(trial.report)) throw;
    trial.end = error.what();
    return trial;
  };
  try {
    take_batches(trial, stream, last, told);
  } catch (const std::system_error&) {
    throw;
  } catch (const std::runtime_error& error) {
    return end(error);
  } catch (const std::invalid_argument& error) {  // HopelessList, or keys that have ended
    return end(error);
  }
  if (last.size == 0)
    throw std::runtime_error(fmt::format("no batch of {} images was there after {:g} s ({})", stream.plan().batch,
                                         kLongestWait, trial.report.limit.sentence));
  let_read_ahead(stream, told);
  return trial;
}

Examples fitted(const Examples& examples, int64_t count, const Size& frame) {
  const torch::Tensor which = torch::arange(count).remainder(static_cast<int64_t>(examples.positions.size()));
  const auto fit = [&](const torch::Tensor& planes) {
    return planes.defined() ? stretched(planes.index_select(0, which), frame) : planes;
  };
  std::vector<uint64_t> positions(static_cast<size_t>(count));
  std::iota(positions.begin(), positions.end(), examples.positions.front());
  return {fit(examples.images), fit(examples.conditions), examples.labels.index_select(0, which), std::move(positions)};
}

StepTrial try_steps(Trainer& trainer, const Batch& batch, const Size& frame, int64_t held_out,
                    const std::function<void(const std::string&)>& told) {
  StepTrial trial{.frame = frame};
  const int side = trainer.objective().spec().image_size;
  const Examples got = to_examples(batch, torch::kCPU);
  const Examples square = fitted(got, 1, {side, side});
  const torch::Device device = trainer.state().choices.device;
  const MemoryBound bound(device);
  try {
    time_steps(trial, trainer, slice(fitted(got, batch.size, frame), 0, batch.size, device), told);
    told("computing a part of a held-out loss");
    trial.held_out = held_out_seconds(trainer, square, held_out);
    told("drawing a part of a grid of samples");
    trial.grid = grid_seconds(trainer, square, held_out);
  } catch (const std::exception& error) {
    if (!is_out_of_memory(error)) throw;
    trial.end = "out of memory";
  }
  if (!trial.end.empty())
    trial.end = fmt::format(
        "A step of {} samples of {} x {} pixels does not fit into the memory of the {}: set a smaller "
        "train.micro_batch, data.image_size or model.channels.",
        batch.size, frame.width, frame.height, device.is_cpu() ? "machine" : "GPU");
  return trial;
}

}  // namespace atelier
