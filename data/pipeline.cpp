#include "data/pipeline.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <span>
#include <stdexcept>

namespace atelier {
namespace {

/// Events of so long are handled together: at thousands of images a second, a wake-up for each would cost as much as
/// all the rest. No image comes over a network so fast that this delays it by anything.
constexpr auto kGather = std::chrono::microseconds(200);
constexpr size_t kUnbounded = std::numeric_limits<size_t>::max();  // what may be queued is bounded by what is in flight

/// Whether a stall can be told from an image that takes its time.
void check_stall_limit(const DataConfig& data) {
  const double longest = 2 * (data.head_timeout + data.get_timeout);  // twice: once more on a connection of its own
  if (data.stall_limit > longest) return;
  throw std::invalid_argument(fmt::format(
      "data.stall_limit ({:g} s) must be over {:g} s: an image may take twice data.head_timeout + data.get_timeout",
      data.stall_limit, longest));
}

}  // namespace

Pipeline::Pipeline(const Config& config, StreamPlan plan, const MakeSource& make_source)
    : settings_(config.data),
      plan_((check_share(plan), check_stall_limit(config.data), std::move(plan))),
      recipe_(recipe_of(config, plan_.augment)),
      seed_(config.data_seed()),
      threads_(decode_threads(config.data.threads)),
      sample_reserve_((recipe_.condition == Condition::kFile ? 2 : 1) * config.data.max_image_size),
      inbox_(kUnbounded),
      jobs_(kUnbounded),
      ready_(kUnbounded),
      watchdog_(config.data.stall_limit),
      assembly_(plan_, recipe_, [this] { inbox_.push(Wake{}); }),
      chooser_(plan_, config.data.max_failure_rate),
      failure_rate_(config.data.max_failure_rate),
      reachability_(config.data.outage_limit),
      stage_clock_(threads_),
      decoding_memory_(threads_),
      ledger_(plan_.start.verdicts),
      tbb_threads_(oneapi::tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads_) + 1),
      arena_(threads_, 0),
      source_(make_source([this](Answer answer) { inbox_.push(std::move(answer)); })),
      thread_([this] { run(); }) {}

Pipeline::~Pipeline() {
  stopping_ = true;
  inbox_.push(Wake{});
}

void Pipeline::run() {
  work();
  ended_.set_value();
}

void Pipeline::work() {
  try {
    while (!stopping_ && !error_) {
      wake_due_flights();
      check_outage();
      judge();
      seal();
      admit_fetched();
      admit();
      look_at_stages();
      publish_report();
      publish_standing();
      if (!error_) wait_for_events();
    }
  } catch (const std::exception&) {
    finish(std::current_exception());
  }
  end_source();
  stopping_ = true;
  while (decoding_ > 0) {
    if (const auto event = inbox_.pop(); event && std::holds_alternative<Developed>(*event)) --decoding_;
  }
}

void Pipeline::wait_for_events() {
  auto until = SteadyClock::now() + std::chrono::minutes(1);
  if (!waiting_.empty()) until = std::min(until, waiting_.begin()->first);
  if (const auto end = reachability_.end()) until = std::min(until, *end);
  at_work_ = false;
  auto event = inbox_.pop_for(until - SteadyClock::now());
  at_work_ = true;
  std::this_thread::sleep_for(kGather);
  stage_clock_.tick(SteadyClock::now(), activity_);
  for (; event; event = inbox_.try_pop()) {
    std::visit([this](auto&& happened) { handle(std::forward<decltype(happened)>(happened)); }, std::move(*event));
  }
}

void Pipeline::handle(Answer answer) {
  ++moves_;
  if (const auto* end = std::get_if<std::exception_ptr>(&answer.body)) std::rethrow_exception(*end);
  Flight& asked = flight(answer.ticket / kParts);
  const auto part = static_cast<Part>(answer.ticket % kParts);
  --transfers_;
  release(asked, settings_.max_image_size);
  const double seconds = Seconds(SteadyClock::now() - asked.asked).count();
  if (auto* failure = std::get_if<Failure>(&answer.body)) {
    if (!failure->not_asked) {
      note(failure->fault);
      stage_clock_.note_fetch(seconds, 0);
    }
    // Of two that are as bad the image's is told, whichever came first.
    const bool is_worse = !asked.failure || (asked.failure->transient && !failure->transient) ||
                          (asked.failure->transient == failure->transient && part == Part::kImage);
    if (part != Part::kProbe && is_worse) asked.failure = std::move(*failure);
  } else {
    auto& bytes = std::get<std::vector<std::byte>>(answer.body);
    reachability_.note_answer(SteadyClock::now());
    stage_clock_.note_fetch(seconds, bytes.size());
    if (part != Part::kProbe) {
      hold(asked, bytes.size());
      asked.body(part) = std::move(bytes);
      if (part == Part::kImage && !answer.is_original) asked.entry.sha256.reset();
    }
  }
  if (--asked.pending == 0) settle(asked);
}

/// What an attempt that failed says about the network.
void Pipeline::note(Fault fault) {
  ++counts_.failures.at(static_cast<size_t>(fault));
  if (is_unreachable(fault)) reachability_.note_unreachable(SteadyClock::now());
  if (is_answer(fault)) reachability_.note_answer(SteadyClock::now());
}

void Pipeline::handle(Developed developed) {
  ++moves_;
  --decoding_;
  if (developed.error) std::rethrow_exception(developed.error);
  stage_clock_.note_decode(developed.seconds, developed.bytes);
  Flight& done = flight(developed.index);
  for (auto& body : done.bodies) body.reset();
  release(done, done.held);
  decoding_memory_.remove(done.decoding);
  if (developed.failure) {
    ++counts_.failures.at(static_cast<size_t>(developed.failure->fault));
    give_up(done, std::move(*developed.failure));
  } else {
    done.state = Flight::State::kDone;
    ++done_;
  }
}

void Pipeline::wake_due_flights() {
  while (!waiting_.empty() && waiting_.begin()->first <= SteadyClock::now()) {
    const uint64_t index = waiting_.extract(waiting_.begin()).value().second;
    flight(index).state = Flight::State::kWanted;
    wanted_.insert(index);
    counts_.retries += flight(index).tries.count > 0;
  }
}

/// Whether the consumer, or what it will be given next, waits for this sample: then it is let in, room or not.
bool Pipeline::is_oldest(uint64_t index) const {
  return ready_count_ == 0 && (flights_.empty() || flights_.front().index == index);
}

/// To fetch: what waits to be decoded comes first, or new transfers would take each byte that it waits for.
bool Pipeline::has_room(uint64_t index) const {
  const uint64_t used = memory() + sample_reserve_ + (assembly_.has_slot(index) ? 0 : assembly_.batch_bytes());
  return is_oldest(index) || (fetched_.empty() && used <= settings_.memory &&
                              transfers_ < 2 * static_cast<uint64_t>(settings_.connections));
}

/// Looking ahead further than this fills memory without making anything faster.
bool Pipeline::may_plan() const {
  if (is_planned()) return false;
  constexpr uint64_t kBatches = 3, kRounds = 4;
  const uint64_t samples = kRounds * static_cast<uint64_t>(settings_.connections);
  const uint64_t batches = kBatches + (samples + assembly_.local() - 1) / assembly_.local();
  return assembly_.has_slot(planned_) || assembly_.open_batches() + ready_count_ < batches;
}

void Pipeline::admit() {
  activity_.out_of_room = false;
  while (!error_ && !activity_.out_of_room) {
    const bool is_old = !wanted_.empty();
    if (!is_old && (ending_ || !may_plan())) break;
    const uint64_t index = is_old ? *wanted_.begin() : planned_;
    activity_.out_of_room = !has_room(index);
    if (activity_.out_of_room) break;
    if (!is_old) plan_flight();
    if (wanted_.erase(index) > 0) submit(flight(index));
  }
  activity_.out_of_room = activity_.out_of_room || (!may_plan() && !is_planned());
}

void Pipeline::plan_flight() {
  if (!assembly_.has_slot(planned_))
    assembly_.open_batch(plan_.frames[chooser_.stratum_of(assembly_.position_of(planned_)).shape]);
  Flight& fresh = flights_.emplace_back();
  fresh.index = planned_++;
  fresh.position = assembly_.position_of(fresh.index);
  choose(fresh, 0);
}

void Pipeline::submit(Flight& wanted) {
  wanted.asked = SteadyClock::now();
  if (wanted.tries.count++ == 0) wanted.first_try = wanted.asked;
  wanted.state = Flight::State::kFetching;
  if (recipe_.condition == Condition::kFile && !wanted.entry.condition_url) {
    ++counts_.failures.at(static_cast<size_t>(Fault::kBadUrl));
    return give_up(wanted, {.fault = Fault::kBadUrl, .detail = "the row has no condition_url"});
  }
  if (!wanted.body(Part::kImage)) request(wanted, Part::kImage, wanted.entry.url, {wanted.row});
  if (recipe_.condition == Condition::kFile && !wanted.body(Part::kCondition)) {
    request(wanted, Part::kCondition, *wanted.entry.condition_url, {wanted.row, true});
  }
  if (wanted.probes) {
    const uint64_t other = chooser_.row_at(wanted.position, wanted.attempt + static_cast<uint64_t>(wanted.tries.count));
    request(wanted, Part::kProbe, plan_.manifest->entry(other).url, {other});
  }
}

void Pipeline::request(Flight& wanted, Part part, const std::string& url, const Item& item) {
  ++wanted.pending;
  ++transfers_;
  hold(wanted, settings_.max_image_size);
  source_->submit({wanted.ticket(part), url, item});
}

/// What takes no memory to decode need not wait for any.
void Pipeline::note_fetched(Flight& fetched) {
  fetched.decoding = developing_bytes(fetched.negative(), assembly_.slot(fetched.index).frame);
  if (fetched.decoding == 0) return start_developing(fetched);
  fetched.state = Flight::State::kFetched;
  fetched_.insert(fetched.index);
}

/// Lets in to be decoded what has room, in order of position.
void Pipeline::admit_fetched() {
  while (!fetched_.empty()) {
    Flight& next = flight(*fetched_.begin());
    const uint64_t used = held_ + decoding_memory_.bytes_with(next.decoding) + assembly_.bytes_in_use();
    if (used > settings_.memory && !is_oldest(next.index)) return;
    fetched_.erase(next.index);
    start_developing(next);
  }
}

void Pipeline::start_developing(Flight& fetched) {
  fetched.state = Flight::State::kDecoding;
  decoding_memory_.add(fetched.decoding);
  ++decoding_;
  jobs_.push({&fetched, assembly_.slot(fetched.index)});
  arena_.enqueue([this] { inbox_.push(develop_next()); });
}

/// On a thread of TBB, which must see no exception. Each task finds its job in the queue.
Pipeline::Developed Pipeline::develop_next() {
  const Job job = *jobs_.pop();
  Developed developed{.index = job.fetched->index, .failure = {}, .error = {}};
  if (stopping_) return developed;
  const auto begin = SteadyClock::now();
  try {
    const Negative negative = job.fetched->negative();
    developed.bytes = negative.image.size() + negative.condition.size();
    developed.failure = develop(recipe_, job.fetched->position, negative, job.slot);
  } catch (const std::exception&) {
    developed.error = std::current_exception();
  }
  developed.seconds = Seconds(SteadyClock::now() - begin).count();
  return developed;
}

/// Samples that are done leave in order of position, unless one before has found a verdict on the same entry.
void Pipeline::seal() {
  while (!flights_.empty()) {
    Flight& oldest = flights_.front();
    if (ending_ && oldest.index >= ending_->index) {
      return finish(failure_of_run(ending_->sentence));
    }
    if (oldest.state != Flight::State::kDone) return;
    --done_;
    if (chooser_.is_barred(oldest.row, oldest.position)) return choose(oldest, oldest.attempt + 1);
    std::ranges::move(oldest.verdicts, std::back_inserter(batch_verdicts_));
    batch_substituted_ += oldest.attempt > 0;
    auto batch = assembly_.seal(oldest.index, oldest.row, oldest.entry);
    flights_.pop_front();
    if (!batch) continue;
    ++ready_count_;
    ready_.push({std::move(*batch), std::exchange(batch_verdicts_, {}), std::exchange(batch_substituted_, 0)});
  }
}

void Pipeline::hold(Flight& holder, uint64_t bytes) {
  holder.held += bytes;
  held_ += bytes;
}

void Pipeline::release(Flight& holder, uint64_t bytes) {
  holder.held -= bytes;
  held_ -= bytes;
}

}  // namespace atelier
