#pragma once

#include <map>
#include <string>

#include "train/loss_ranking.h"
#include "train/step_data.h"

/// What was in a step, in words and as JSON: pure functions for a program to print. docs/training.md has the fields.
namespace atelier {

/// Player -> loss of one sample; empty: not logged.
using PlayerLosses = std::map<std::string, float>;

/// One line for a person, without its end.
std::string sample_text(const StepSample& sample, const PlayerLosses& losses);
/// The same as one JSON object.
std::string sample_json(uint64_t step, const StepSample& sample, const PlayerLosses& losses);

/// A line of the table of entries with the highest losses, or its head.
std::string ranking_head();
std::string ranking_text(size_t rank, const EntryLoss& loss, const Entry& entry, const std::optional<Failure>& failure);
/// The same as one JSON object.
std::string ranking_json(size_t rank, const EntryLoss& loss, const Entry& entry, const std::optional<Failure>& failure);

}  // namespace atelier
