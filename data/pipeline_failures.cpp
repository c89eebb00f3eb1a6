#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "configs/printable.h"
#include "data/pipeline.h"
#include "data/url.h"

// The part of the pipeline that deals with what went wrong: try again, take the next entry, or end the run.

namespace atelier {
namespace {

std::string describe(const Failure& failure, const std::string& url) {
  return printable(fmt::format("{} ({}) at {}", fault_name(failure.fault), failure.detail, url));
}

/// What only another list or other settings can help.
bool is_for_the_user(Fault fault) {
  return fault == Fault::kBadUrl || fault == Fault::kRefusedAddress || fault == Fault::kMissingFile;
}

}  // namespace

/// Every answer of a try is there.
void Pipeline::settle(Flight& asked) {
  if (!asked.failure) return note_fetched(asked);
  Failure failure = std::move(*asked.failure);
  asked.failure.reset();
  if (failure.transient) return retry_later(asked, std::move(failure));
  give_up(asked, std::move(failure));
}

void Pipeline::retry_later(Flight& asked, Failure failure) {
  last_failure_ = describe(failure, without_credentials(asked.entry.url));
  if (ending_) return end_at(asked.index, ending_->sentence);  // nobody waits in a run that is over
  const auto now = SteadyClock::now();
  const auto since = asked.tries.note(failure, now);
  const double left = settings_.sample_deadline - Seconds(now - since).count();
  double delay = retry_delay(seed_, asked.position, asked.tries.count, failure.retry_after);
  if (is_overdue(failure, left)) {
    // Overdue. But it is no verdict on the entry if nobody at all could be reached meanwhile.
    asked.probes = is_unreachable(failure.fault) && !reachability_.answered_since(std::min(asked.first_try, since));
    if (!asked.probes) return give_up(asked, std::move(failure));
  } else {
    delay = std::min(delay, left);
  }
  asked.state = Flight::State::kWaiting;
  asked.due = now + to_clock(delay);
  waiting_.emplace(asked.due, asked.index);
}

void Pipeline::give_up(Flight& asked, Failure failure) {
  last_failure_ = describe(failure, without_credentials(asked.entry.url));
  const Verdict verdict{.entry = asked.row,
                        .position = asked.position,
                        .url = without_credentials(asked.entry.url),
                        .fault = failure.fault,
                        .detail = std::move(failure.detail),
                        .attempts = std::max(1, asked.tries.count)};
  chooser_.add(verdict);
  {
    const std::lock_guard lock(report_mutex_);
    ledger_.add(verdict);
  }
  asked.verdicts.push_back(verdict);
  choose(asked, asked.attempt + 1);
}

/// The next entry of the flight's chain, from `attempt` on, wants to be fetched.
void Pipeline::choose(Flight& wanting, uint64_t attempt) {
  release(wanting, wanting.held);
  for (auto& body : wanting.bodies) body.reset();
  wanting.tries = {};
  wanting.probes = false;
  const auto choice = chooser_.choose(wanting.position, attempt);
  wanting.attempt = choice ? choice->attempt : attempt;
  wanting.state = Flight::State::kWanted;
  if (!choice) return end_at(wanting.index, spent_sentence(wanting.position));
  wanting.row = choice->row;
  wanting.entry = plan_.manifest->entry(choice->row);
  wanted_.insert(wanting.index);
}

/// Counts positions in order, each as soon as it is known whether its first choice has an image.
void Pipeline::judge() {
  for (; !ending_ && judged_ < planned_; ++judged_) {
    const Flight& known = flight(judged_);
    const bool failed = known.attempt > 0;
    if (!failed && known.state != Flight::State::kDone) return;
    if (!failure_rate_.count(failed)) end_at(judged_, failure_sentence(known.position));
  }
}

void Pipeline::check_outage() {
  const auto end = reachability_.end();
  if (!end || SteadyClock::now() < *end) return;
  finish(std::make_exception_ptr(std::runtime_error(
      fmt::format("no host could be reached for {:g} s (data.outage_limit); the last failure was {}; check the network "
                  "and the list",
                  settings_.outage_limit, last_failure_))));
}

/// The run is over before the batch of sample `index`; what comes before that batch is still delivered.
void Pipeline::end_at(uint64_t index, std::string sentence) {
  const uint64_t first_of_batch = index - index % assembly_.local();
  if (ending_ && ending_->index <= first_of_batch) return;
  ending_ = Ending{first_of_batch, std::move(sentence)};
  inbox_.push(Wake{});  // no answer may be on its way that would
  for (const auto& [due, waiting] : waiting_)
    ending_->index = std::min(ending_->index, waiting - waiting % assembly_.local());
}

std::exception_ptr Pipeline::failure_of_run(const std::string& sentence) const {
  const bool is_hopeless =
      std::ranges::all_of(ledger_.all(), [](const auto& entry) { return is_for_the_user(entry.second.fault); });
  return is_hopeless ? std::make_exception_ptr(HopelessList(sentence))
                     : std::make_exception_ptr(std::runtime_error(sentence));
}

void Pipeline::finish(std::exception_ptr error) {
  if (error_) return;
  publish_report();  // who is told of the end looks at what led to it
  error_ = std::move(error);
  ready_.close();
}

/// Why nothing can be had for `position`, and nothing in its place.
std::string Pipeline::spent_sentence(uint64_t position) const {
  if (const Stratum* spent = chooser_.spent_stratum(position))
    return fmt::format("every entry of {} has failed, last with {}; check the list and the network",
                       printable(spent->name), last_failure_);
  return fmt::format(
      "hardly any entry of {} can be had: all that were tried for position {} have failed, last with {}; check "
      "the list and the network",
      printable(chooser_.stratum_of(position).name), position, last_failure_);
}

std::string Pipeline::failure_sentence(uint64_t position) const {
  if (chooser_.spent_stratum(position)) return spent_sentence(position);
  return fmt::format(
      "{} of the last {} positions had no image, more than data.max_failure_rate allows ({:g}); the last "
      "failure was {}; check the list and the network",
      failure_rate_.failed(), failure_rate_.counted(), settings_.max_failure_rate, last_failure_);
}

}  // namespace atelier
