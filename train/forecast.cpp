#include "train/forecast.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

#include "configs/console.h"
#include "data/failure_rate.h"
#include "data/limit.h"
#include "data/progress.h"

namespace atelier {
namespace {

double batch_of(const Forecast& forecast) { return static_cast<double>(forecast.clock.batch()); }

std::string bytes_text(uint64_t bytes) { return size_text(static_cast<double>(bytes)); }

std::optional<std::string> against_disk(const Forecast& forecast) {
  const std::string& run_dir = forecast.config.train.run_dir;
  if (!forecast.to_begin.suffices()) return no_room_sentence(run_dir, forecast.to_begin, forecast.snapshots > 0);
  if (forecast.to_end.suffices()) return {};
  return fmt::format(
      "The disk of {} will be full before the run has ended: its checkpoints and averages come to {} more, and {} are "
      "free; make room, choose another train.run_dir, fewer train.keep_checkpoints or a rarer train.keep_every.",
      run_dir, bytes_text(forecast.to_end.needed), bytes_text(forecast.to_end.free));
}

std::optional<std::string> against_list(const Forecast& forecast) {
  if (!forecast.probe) return {};
  const ProbeReport& probe = *forecast.probe;
  const std::string& list = forecast.config.data.list;
  const double most = forecast.config.data.max_failure_rate;
  if (probe.asked == 0) return fmt::format("Nothing answered for any row of {} in time: check the network.", list);
  if (probe.alive == 0)
    return fmt::format("None of the {} rows of {} that were asked for can be had ({}): check the list and the network.",
                       grouped(probe.asked), list, faults_text(probe.failures));
  const double dead = static_cast<double>(probe.asked - probe.alive) / static_cast<double>(probe.asked);
  const bool is_judged = probe.asked >= FailureRate::kJudgedFrom || probe.asked == probe.rows;
  if (!is_judged || dead <= most) return {};
  return fmt::format(
      "{:.1f} % of the {} rows of {} that were asked for cannot be had ({}), more than data.max_failure_rate allows "
      "({:g}): mend the list, or leave rows out by data.where.",
      100 * dead, grouped(probe.asked), list, faults_text(probe.failures), most);
}

std::optional<std::string> against_steps(const Forecast& forecast) {
  if (!forecast.steps) return {};
  const StepTrial& steps = *forecast.steps;
  if (!steps.end.empty()) return steps.end;
  if (steps.faults > static_cast<uint64_t>(steps.steps))  // these, and the first one
    return "The loss or its gradients were not finite in any step: lower train.learning_rate, set train.precision to "
           "float32, or begin with other weights.";
  for (const MemoryUse& memory : forecast.memory)
    if (memory.all > 0 && memory.peak > memory.all)
      return fmt::format(
          "The run comes to {} of the memory of {}, which has {}: set a smaller train.batch_size, data.memory or "
          "model.channels.",
          bytes_text(memory.peak), memory.where, bytes_text(memory.all));
  return {};
}

std::string data_advice(const Forecast& forecast) {
  const DataConfig& data = forecast.config.data;
  if (forecast.stream->report.limit.stage == "decode")
    return "smaller images decode faster: atelier-data pack --shrink makes a store of them once";
  if (!data.cache.empty()) return "passes after the first one read what data.cache has kept";
  return "fetch the images once, to a disk nearby, by data.cache or atelier-data pack, or raise data.connections";
}

std::string compute_advice(const Forecast& forecast) {
  if (const TimeToGo time = time_to_go(forecast); time.grids > time.all() / 3)
    return fmt::format("fewer grids of samples, which are {:.0f} % of that: raise train.sample_every",
                       100 * time.grids / time.all());
  const std::string smaller = "a smaller data.image_size or model.channels, or fewer train.epochs";
  return forecast.choices.device.is_cpu() ? "a GPU, " + smaller : smaller;
}

}  // namespace

uint64_t times_to_come(const Clock& clock, int64_t steps_per_epoch, int64_t epochs) {
  const auto period = static_cast<uint64_t>(steps_per_epoch * epochs);
  const uint64_t last = clock.step() + clock.steps_left();
  return last / period - clock.step() / period + (last > clock.step() && last % period != 0 ? 1 : 0);
}

Pace pace_of(const Forecast& forecast) {
  const StreamTrial& stream = *forecast.stream;
  Pace pace{.compute = forecast.steps->seconds};
  if (stream.images_per_second > 0) pace.data = batch_of(forecast) / stream.images_per_second;
  const auto cores = static_cast<double>(std::max(1U, std::thread::hardware_concurrency()));
  if (forecast.choices.device.is_cpu()) pace.compute += batch_of(forecast) * stream.report.decode.item.mean() / cores;
  return pace;
}

TimeToGo time_to_go(const Forecast& forecast) {
  const TrainConfig& train = forecast.config.train;
  const auto times = [&](int64_t epochs) {
    return static_cast<double>(times_to_come(forecast.clock, train.steps_per_epoch, epochs));
  };
  return {.steps = static_cast<double>(forecast.clock.steps_left()) * pace_of(forecast).step(),
          .held_out = times(1) * forecast.steps->held_out,
          .grids = times(train.sample_every) * forecast.steps->grid};
}

std::optional<double> bytes_per_image(const Forecast& forecast) {
  const ProbeReport& probe = *forecast.probe;
  if (const uint64_t told = probe.alive - probe.without_length;
      told > 0 && forecast.config.data.condition != Condition::kFile)
    return static_cast<double>(probe.bytes) / static_cast<double>(told);
  if (!forecast.stream || forecast.stream->report.decode.item.count() == 0) return {};
  const StageReport& decode = forecast.stream->report.decode;
  return static_cast<double>(decode.bytes) / static_cast<double>(decode.item.count());
}

std::optional<std::string> reason_against(const Forecast& forecast) {
  if (auto reason = against_disk(forecast)) return reason;
  if (auto reason = against_list(forecast)) return reason;
  if (forecast.stream && !forecast.stream->end.empty()) return forecast.stream->end;
  return against_steps(forecast);
}

bool is_outage(const ProbeReport& report) {
  const auto of = [&](Fault fault) { return report.failures.at(static_cast<size_t>(fault)); };
  return report.alive == 0 && of(Fault::kDns) + of(Fault::kConnect) == report.asked;
}

std::vector<std::string> warnings_of(const Forecast& forecast) {
  std::vector<std::string> warnings;
  if (forecast.steps && forecast.steps->faults > 0)
    warnings.push_back(fmt::format("{} of {} steps had a loss or gradients that were not finite.",
                                   forecast.steps->faults, forecast.steps->steps + 1));
  const DataConfig& data = forecast.config.data;
  if (forecast.probe && !data.cache.empty()) {
    const auto bytes = static_cast<uint64_t>(volume_of(*forecast.probe).bytes);
    if (bytes > forecast.cache_free)
      warnings.push_back(fmt::format(
          "All images together are about {}, and the disk of data.cache ({}) has {} free: what it already holds aside, "
          "it may fill up, and with it a train.run_dir on the same disk.",
          bytes_text(bytes), data.cache, bytes_text(forecast.cache_free)));
  }
  return warnings;
}

std::string headline_of(const Forecast& forecast) {
  const Pace pace = pace_of(forecast);
  const std::string time =
      fmt::format("The run can work, and takes about {}.", long_time_text(time_to_go(forecast).all()));
  if (pace.data_limits())
    return fmt::format("{} Data is the limit: the trainer will wait for it {:.0f} % of the time; {}.", time,
                       100 * pace.waiting(), data_advice(forecast));
  return fmt::format(
      "{} Compute is the limit: the trainer takes {} images/s, the stream could give {}; to be faster it takes {}.",
      time, rate_text(batch_of(forecast) / pace.compute), rate_text(forecast.stream->images_per_second),
      compute_advice(forecast));
}

}  // namespace atelier
