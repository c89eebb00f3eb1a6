#include "data/saved_stream.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/random.h"
#include "configs/settings.h"
#include "data/open_source.h"
#include "data/rebase.h"

namespace atelier {
namespace {

using nlohmann::json;

constexpr int kVersion = 2;
constexpr uint64_t kMostBlock = 65'536;  // the most that train.batch_size takes
constexpr const char* kList = "list";
constexpr const char* kRows = "rows";
constexpr const char* kWeights = "weights";

/// What decides which row stands at a position; of the weights only those that took effect before `position`.
json identity_of(const Config& config, const StreamPlan& plan, uint64_t position) {
  json identity = {{kList, plan.manifest->sha256()},
                   {kRows, plan.order.entries},
                   {"seed", plan.order.seed},
                   {"stream_version", kStreamVersion}};
  for (const char* key : kIdentitySettings) identity[key] = setting_text(config, key);
  identity["augmented"] = plan.augment;  // held-out rows are not
  identity["packing"] = image_packing(config.data);
  for (const Weighting& weighting : plan.weightings)
    if (weighting.position == 0 || weighting.position < position)
      identity[kWeights].push_back({{"position", weighting.position}, {"weights", weighting.weights}});
  return identity;
}

void refuse_another(const json& before, const json& now) {
  if (before.value(kList, json()) != now.at(kList))
    throw std::invalid_argument(
        "this state is of another list, or the list has changed since; give its own, or go on with this one by "
        "data.accept_list");
  for (const auto& [name, value] : now.items()) {
    const json was = before.value(name, json());
    if (was != value)
      throw std::invalid_argument(fmt::format("this state is of a stream with {} {}, not {}; make the stream as it was",
                                              name, was.dump(), value.dump()));
  }
}

/// A whole number of a saved state, which may have been written by anybody.
uint64_t number_of(const json& state, const std::string& key, uint64_t low, uint64_t high) {
  const json& number = state.at(key);
  if (!number.is_number_unsigned() || number < low || number > high)
    throw std::invalid_argument(fmt::format("this is no saved state of a stream: {} cannot be {}", key, number.dump()));
  return number;
}

}  // namespace

std::string save_stream(const Config& config, const StreamPlan& plan, const StreamState& state) {
  return json{{"version", kVersion},
              {"position", state.position},
              {"origin", plan.origin},
              {"window", plan.order.window},
              {"block", plan.block},
              {"verdicts", state.verdicts.to_jsonl()},
              {"identity", identity_of(config, plan, state.position)}}
      .dump();
}

StreamPlan resume_stream(const Config& config, StreamPlan plan, const std::string& saved,
                         const std::function<void(double)>& progress) try {
  const json state = json::parse(saved);
  if (state.at("version") != kVersion)
    throw std::invalid_argument(
        fmt::format("this state is of version {}, and only {} can be read", state.at("version").dump(), kVersion));
  plan.start.position = number_of(state, "position", 0, kMaxSeed);
  plan.start.verdicts = Verdicts::from_jsonl(state.at("verdicts").get<std::string>());
  plan.order.window = number_of(state, "window", 1, kMaxSeed);
  plan = with_block(config, std::move(plan), number_of(state, "block", 1, kMostBlock), progress);
  plan.origin = number_of(state, "origin", 0, plan.start.position);
  json before = state.at("identity");
  const json now = identity_of(config, plan, plan.start.position);
  if (config.data.accept_list && before.at(kList) != now.at(kList)) {
    plan.origin = plan.start.position;
    plan.start.verdicts = rebase(plan.start.verdicts, *plan.manifest);
    for (const char* key : {kList, kRows, kWeights}) before[key] = now.value(key, json());
  }
  refuse_another(before, now);
  check_share(plan);
  return plan;
} catch (const json::exception& error) {
  throw std::invalid_argument(fmt::format("this is no saved state of a stream: {}", error.what()));
}

}  // namespace atelier
