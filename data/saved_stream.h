#pragma once

#include <array>
#include <functional>
#include <string>

#include "configs/config.h"
#include "data/plan.h"

namespace atelier {

/// Settings that decide which sample stands at a position, and what is cut out of its picture: a stream that goes on
/// must have them as they were.
inline constexpr std::array kIdentitySettings = {"data.where",  "data.shuffle", "data.balance", "data.held_out",
                                                 "data.shapes", "data.fit",     "data.resample"};

/// Where a stream stands, as a line of JSON for a program to keep with a checkpoint of its own: Stream::state(), and
/// all that decides which row stands at a position (the list's hash, the seed, how it is shuffled, balanced, split and
/// mixed), and how its pictures are cut (kIdentitySettings). Their size, their augmentation and the batches may change
/// when a run goes on. docs/python.md has the fields.
///   plan  the stream's own
std::string save_stream(const Config& config, const StreamPlan& plan, const StreamState& state);

/// `plan` as it goes on from what save_stream wrote, in however many processes. With data.accept_list the list may be
/// another one: a new pass over it begins there. Throws std::invalid_argument, one sentence, for text that is no saved
/// stream and for one that drew otherwise.
///   progress  as with_block takes it
StreamPlan resume_stream(const Config& config, StreamPlan plan, const std::string& saved,
                         const std::function<void(double share)>& progress = {});

}  // namespace atelier
