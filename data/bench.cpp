#include "data/bench.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <stdexcept>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <variant>

#include "configs/console.h"
#include "data/channel.h"
#include "data/develop.h"
#include "data/open_source.h"
#include "data/retry.h"
#include "data/stream.h"

namespace atelier {
namespace {

using Body = std::vector<std::byte>;

constexpr uint64_t kMostBytes = uint64_t{64} << 20;  ///< of bodies kept for decoding
constexpr size_t kMostBodies = 2'000;

/// Images of a stage that asks for any: those of a pass, or of as many passes as it takes until a rate means something.
uint64_t wanted_images(const StreamPlan& plan) { return std::max(plan.order.entries, kFewestImages); }

double cpu_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_since(SteadyClock::time_point begin) { return Seconds(SteadyClock::now() - begin).count(); }

/// Times a stage from its making to finish().
class Stopwatch {
 public:
  explicit Stopwatch(const BenchOptions& options) : end_(begin_ + to_clock(options.seconds)), stop_(options.stop) {}
  bool runs() const { return SteadyClock::now() < end_ && !stop_.stop_requested(); }
  BenchStage finish(BenchStage stage) const {
    stage.seconds = seconds_since(begin_);
    stage.cpu_seconds = cpu_now() - cpu_;
    return stage;
  }

 private:
  const double cpu_ = cpu_now();
  const SteadyClock::time_point begin_ = SteadyClock::now();
  const SteadyClock::time_point end_;
  const std::stop_token stop_;
};

BenchStage bench_list(const StreamPlan& plan, const BenchOptions& options) {
  const StratifiedOrder order = plan.stratified_order();
  BenchStage stage;
  const Stopwatch watch(options);
  for (; watch.runs(); ++stage.images) {
    const auto begin = SteadyClock::now();
    static_cast<void>(plan.manifest->entry(order.row_at(stage.images)));
    stage.item.add(seconds_since(begin));
  }
  return watch.finish(stage);
}

/// Asks for the wanted images, some more at a time than there are connections.
class FetchBench {
 public:
  FetchBench(const Config& config, const StreamPlan& plan)
      : plan_(plan),
        order_(plan.stratified_order()),
        window_(std::clamp<uint64_t>(config.data.memory / config.data.max_image_size, 1,
                                     2 * static_cast<uint64_t>(config.data.connections))),
        source_(open_source(config.data, plan.manifest)([this](Answer answer) { answers_.push(std::move(answer)); })) {}

  BenchStage run(const BenchOptions& options) {
    const Stopwatch watch(options);
    while (watch.runs()) {
      while (asked_.size() < window_ && next_ < wanted_images(plan_)) ask();
      if (asked_.empty()) break;
      if (auto answer = answers_.pop_for(std::chrono::milliseconds(50))) take(std::move(*answer));
    }
    return watch.finish(stage_);
  }

  const std::vector<Body>& bodies() const { return bodies_; }
  uint64_t asked() const { return next_; }
  const std::string& last_failure() const { return last_failure_; }

 private:
  void ask() {
    const uint64_t row = order_.row_at(next_);
    asked_.emplace(next_, SteadyClock::now());
    source_->submit({next_++, plan_.manifest->entry(row).url, {row}});
  }

  void take(Answer answer) {
    if (const auto* end = std::get_if<std::exception_ptr>(&answer.body)) std::rethrow_exception(*end);
    stage_.item.add(seconds_since(asked_.extract(answer.ticket).mapped()));
    if (const auto* failure = std::get_if<Failure>(&answer.body)) {
      ++stage_.failures;
      last_failure_ = failure->detail;
      return;
    }
    ++stage_.images;
    auto& body = std::get<Body>(answer.body);
    if (answer.ticket >= plan_.order.entries || bodies_.size() >= kMostBodies || kept_ + body.size() > kMostBytes)
      return;
    kept_ += body.size();
    bodies_.push_back(std::move(body));
  }

  const StreamPlan& plan_;
  const StratifiedOrder order_;
  const uint64_t window_;
  BenchStage stage_;
  std::map<uint64_t, SteadyClock::time_point> asked_;
  uint64_t next_ = 0, kept_ = 0;
  std::vector<Body> bodies_;
  std::string last_failure_;
  Channel<Answer> answers_{std::numeric_limits<size_t>::max()};
  std::unique_ptr<Source> source_;  ///< last, so that its threads are gone before what they use
};

BenchStage bench_decode(const Recipe& recipe, int side, const std::vector<Body>& bodies, int threads,
                        const BenchOptions& options) {
  const auto square = static_cast<size_t>(side) * static_cast<size_t>(side);
  std::atomic<uint64_t> next = 0;
  std::vector<BenchStage> parts(static_cast<size_t>(threads));
  const Stopwatch watch(options);
  const auto work = [&](BenchStage& part) {
    std::vector<uint8_t> image(3 * square), condition(3 * square);
    while (watch.runs()) {
      const uint64_t position = next++;
      const auto begin = SteadyClock::now();
      const bool failed =
          develop(recipe, position, {bodies[position % bodies.size()], {}, {}}, {{side, side}, image, condition})
              .has_value();
      part.item.add(seconds_since(begin));
      ++(failed ? part.failures : part.images);
    }
  };
  {
    std::vector<std::jthread> workers;
    workers.reserve(parts.size());
    for (BenchStage& part : parts) workers.emplace_back([&work, &part] { work(part); });
  }
  BenchStage stage;
  for (const BenchStage& part : parts) {
    stage.images += part.images;
    stage.failures += part.failures;
    stage.item.add(part.item);
  }
  return watch.finish(stage);
}

BenchStage bench_stream(const Config& config, StreamPlan plan, uint64_t first, const BenchOptions& options) {
  BenchStage stage;
  const uint64_t wanted = wanted_images(plan);
  plan.start.position = (first + plan.batch - 1) / plan.batch * plan.batch;  // servers and disks have those before
  const auto manifest = plan.manifest;
  Stream stream(config, std::move(plan), open_source(config.data, manifest));
  static_cast<void>(stream.next(options.stop));  // filling the pipeline is no part of the rate
  const Stopwatch watch(options);
  while (watch.runs() && stage.images < wanted) {
    const auto begin = SteadyClock::now();
    const Batch batch = stream.next(options.stop);
    stage.images += static_cast<uint64_t>(batch.size);
    stage.item.add(seconds_since(begin));
  }
  stage = watch.finish(stage);
  stage.failures = stream.report().substituted;
  return stage;
}

}  // namespace

std::optional<BenchResult> bench(const Config& config, const std::shared_ptr<const Manifest>& manifest,
                                 const BenchOptions& options) {
  const auto begin = [&](const std::string& stage) {
    if (options.now) options.now(stage);
  };
  const StreamPlan plan = plan_stream(config, manifest, /*held_out=*/false, [&](double) {
    if (options.stop.stop_requested()) throw Interrupted();
  });
  Recipe recipe = recipe_of(config, true);
  if (recipe.condition == Condition::kFile) recipe.condition = Condition::kNone;
  BenchResult result;
  result.rows = plan.order.entries;
  result.threads = decode_threads(config.data.threads);

  begin("order and list");
  result.list = bench_list(plan, options);
  begin("fetch");
  uint64_t asked = 0;
  std::vector<Body> bodies;
  {
    FetchBench fetch(config, plan);
    result.fetch = fetch.run(options);
    bodies = fetch.bodies();
    asked = fetch.asked();
    if (bodies.empty() && !options.stop.stop_requested())
      throw std::runtime_error(fmt::format("no image of {} could be had in {:g} s ({}); check the list and the network",
                                           config.data.list, options.seconds,
                                           fetch.last_failure().empty() ? "no answer" : fetch.last_failure()));
  }
  if (options.stop.stop_requested()) return std::nullopt;
  begin("decode, 1 thread");
  result.decode_one = bench_decode(recipe, config.data.image_size, bodies, 1, options);
  begin("decode, all threads");
  result.decode_all = bench_decode(recipe, config.data.image_size, bodies, result.threads, options);
  if (options.stop.stop_requested()) return std::nullopt;
  begin("the whole stream");
  result.stream = bench_stream(config, plan, asked, options);
  if (options.stop.stop_requested()) return std::nullopt;
  return result;
}

}  // namespace atelier
