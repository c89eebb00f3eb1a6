#include "data/plan.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <set>
#include <stdexcept>
#include <utility>

#include "data/mix.h"

namespace atelier {
namespace {

OrderMode mode_of(Shuffle shuffle) {
  switch (shuffle) {
    case Shuffle::kFull:
      return OrderMode::kFull;
    case Shuffle::kWindow:
      return OrderMode::kWindow;
    case Shuffle::kNone:
      return OrderMode::kNone;
  }
  return OrderMode::kFull;
}

RowSet rows_of(const DataConfig& data, const Manifest& manifest, bool held_out) {
  if (held_out && data.held_out == 0)
    throw std::invalid_argument("nothing is held out; set data.held_out to a share of the groups, such as 0.05");
  RowSet rows = data.held_out > 0 ? manifest.split(data.held_out, held_out) : manifest.rows();
  if (rows.empty())
    throw std::invalid_argument(
        fmt::format("the split of {} leaves no rows on one side; change data.held_out", data.list));
  return rows;
}

/// The rows of each list of a mix.
std::vector<Stratum> lists_of(const Mix& mix, const Manifest& manifest, const RowSet& rows) {
  const std::vector<uint64_t> ends = manifest.ends();
  const auto list_of = [&](uint64_t row) {
    return static_cast<uint64_t>(std::ranges::upper_bound(ends, row) - ends.begin());
  };
  std::vector<RowSet> parts = rows.parted(ends.size(), list_of);
  std::vector<Stratum> strata;
  for (size_t i = 0; i < parts.size(); ++i) strata.push_back({mix.lists[i], std::move(parts[i])});
  return strata;
}

/// A stratum for each label that `whole` has, and one for the rows without; none of them is empty.
std::vector<Stratum> labels_of(const Stratum& whole, const Manifest& manifest) {
  const auto label_of = [&](uint64_t row) { return static_cast<uint64_t>(manifest.label_index(row) + 1); };
  std::vector<RowSet> parts = whole.rows.parted(manifest.labels().size() + 1, label_of);
  std::vector<Stratum> strata;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = i == 0 ? "(no label)" : manifest.labels()[i - 1];
    if (!parts[i].empty()) strata.push_back({fmt::format("{}: {}", whole.name, name), std::move(parts[i])});
  }
  return strata;
}

/// Divides each list's weight equally among the labels that it has.
void balance_labels(StreamPlan& plan) {
  if (plan.weightings.empty()) plan.weightings = {{.position = 0, .weights = {1}}};
  std::vector<Weighting> weightings = plan.weightings;
  for (Weighting& weighting : weightings) weighting.weights.clear();
  std::vector<Stratum> strata;
  for (size_t list = 0; list < plan.strata.size(); ++list) {
    std::vector<Stratum> labels = labels_of(plan.strata[list], *plan.manifest);
    if (labels.empty()) labels.push_back(plan.strata[list]);  // StratifiedOrder names it if it has a weight
    for (size_t i = 0; i < weightings.size(); ++i)
      weightings[i].weights.insert(weightings[i].weights.end(), labels.size(),
                                   plan.weightings[i].weights[list] / static_cast<double>(labels.size()));
    std::ranges::move(labels, std::back_inserter(strata));
  }
  plan.strata = std::move(strata);
  plan.weightings = std::move(weightings);
}

}  // namespace

StreamPlan plan_stream(const Config& config, std::shared_ptr<const Manifest> manifest, bool held_out) {
  const DataConfig& data = config.data;
  StreamPlan plan;
  plan.manifest = std::move(manifest);
  plan.rows = rows_of(data, *plan.manifest, held_out);
  plan.batch = static_cast<uint64_t>(config.train.batch_size);
  plan.order = {.seed = config.data_seed(),
                .entries = plan.rows.size(),
                .mode = mode_of(data.shuffle),
                .window = shuffle_window(plan.batch)};
  plan.augment = !held_out;
  if (is_mix(data.list)) {
    const Mix mix = read_mix(data.list);
    plan.strata = lists_of(mix, *plan.manifest, plan.rows);
    plan.weightings = mix.weightings;
  } else {
    plan.strata = {{data.list, plan.rows}};
  }
  if (data.balance == Balance::kLabel) balance_labels(plan);
  try {
    plan.stratified_order();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", data.list, error.what()));
  }
  return plan;
}

void check_share(const StreamPlan& plan) {
  if (plan.rank >= plan.world)
    throw std::invalid_argument(
        fmt::format("rank {} is none of {} processes; it counts from 0", plan.rank, plan.world));
  if (plan.world > plan.batch)
    throw std::invalid_argument(
        fmt::format("a batch of {} cannot be shared by {} processes; raise train.batch_size", plan.batch, plan.world));
}

}  // namespace atelier
