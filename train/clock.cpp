#include "train/clock.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace atelier {

Clock::Clock(uint64_t batch, uint64_t total) : total_(total), segments_{{0, 0, batch}} {
  if (batch == 0 || total == 0) throw std::invalid_argument("A run needs at least one step of at least one sample.");
}

uint64_t Clock::step() const {
  const Segment& now = segments_.back();
  return now.step + (position_ - now.position) / now.batch;
}

Segment Clock::of_step(uint64_t step) const {
  if (step < 1 || step > this->step()) throw std::out_of_range("The run has not made this step.");
  const auto later = [&](const Segment& segment) { return segment.step < step; };
  const Segment& segment = *std::ranges::find_if(segments_.rbegin(), segments_.rend(), later);
  return {segment.position + (step - 1 - segment.step) * segment.batch, step - 1, segment.batch};
}

uint64_t Clock::steps_left() const { return finished() ? 0 : (total_ - position_ + batch() - 1) / batch(); }

void Clock::change_batch(uint64_t batch) {
  if (batch == this->batch()) return;
  const Segment next{position_, step(), batch};
  if (segments_.back().position == position_)
    segments_.back() = next;  // the one before was never used
  else
    segments_.push_back(next);
}

nlohmann::json Clock::to_json() const {
  nlohmann::json segments = nlohmann::json::array();
  for (const auto& [position, step, batch] : segments_)
    segments.push_back({{"position", position}, {"step", step}, {"batch", batch}});
  return {{"position", position_}, {"step", step()}, {"total_positions", total_}, {"segments", segments}};
}

Clock Clock::from_json(const nlohmann::json& json) try {
  Clock clock(1, json.at("total_positions").get<uint64_t>());
  clock.position_ = json.at("position").get<uint64_t>();
  clock.segments_.clear();
  for (const auto& segment : json.at("segments"))
    clock.segments_.push_back({segment.at("position"), segment.at("step"), segment.at("batch")});
  const bool sound =
      !clock.segments_.empty() && clock.batch() > 0 && clock.segments_.back().position <= clock.position_;
  if (!sound || clock.step() != json.at("step").get<uint64_t>())
    throw std::invalid_argument("The segments of the run's state do not lead to its position.");
  return clock;
} catch (const nlohmann::json::exception& error) {
  throw std::invalid_argument(std::string("The run's state has no sound clock: ") + error.what() + ".");
}

}  // namespace atelier
