#include "data/plan.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "data/mix.h"
#include "data/shapes.h"

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

using Strata = std::vector<Stratum>;

/// A stratum for each label that `whole` has, and one for the rows without; none of them is empty.
Strata labels_of(const Stratum& whole, const Manifest& manifest) {
  const auto label_of = [&](uint64_t row) { return static_cast<uint64_t>(manifest.label_index(row) + 1); };
  std::vector<RowSet> parts = whole.rows.parted(manifest.labels().size() + 1, label_of);
  std::vector<Stratum> strata;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = i == 0 ? "(no label)" : manifest.labels()[i - 1];
    if (!parts[i].empty()) strata.push_back({fmt::format("{}: {}", whole.name, name), std::move(parts[i])});
  }
  return strata;
}

/// Puts the parts of each stratum in its place, each with what `weight_of` gives it of the stratum's weight.
void divide(StreamPlan& plan, const std::function<Strata(const Stratum& whole)>& parts_of,
            const std::function<double(double weight, const Stratum& part, const Strata& parts)>& weight_of) {
  if (plan.weightings.empty()) plan.weightings = {{.position = 0, .weights = {1}}};
  std::vector<Weighting> weightings = plan.weightings;
  for (Weighting& weighting : weightings) weighting.weights.clear();
  Strata strata;
  for (size_t whole = 0; whole < plan.strata.size(); ++whole) {
    Strata parts = parts_of(plan.strata[whole]);
    if (parts.empty()) parts.push_back(plan.strata[whole]);  // StratifiedOrder names it if it has a weight
    for (size_t i = 0; i < weightings.size(); ++i)
      for (const Stratum& part : parts)
        weightings[i].weights.push_back(weight_of(plan.weightings[i].weights[whole], part, parts));
    std::ranges::move(parts, std::back_inserter(strata));
  }
  plan.strata = std::move(strata);
  plan.weightings = std::move(weightings);
}

/// Divides each list's weight equally among the labels that it has.
void balance_labels(StreamPlan& plan) {
  divide(
      plan, [&](const Stratum& whole) { return labels_of(whole, *plan.manifest); },
      [](double weight, const Stratum&, const Strata& parts) { return weight / static_cast<double>(parts.size()); });
}

/// A stratum for each shape that the rows of `whole` have.
Strata shapes_of(const Stratum& whole, const StreamPlan& plan, const std::function<uint64_t(uint64_t row)>& shape_of) {
  std::vector<RowSet> parts = whole.rows.parted(plan.frames.size(), shape_of);
  Strata strata;
  for (size_t shape = 0; shape < parts.size(); ++shape) {
    const auto [width, height] = plan.frames[shape];
    if (!parts[shape].empty())
      strata.push_back({fmt::format("{} at {} x {}", whole.name, width, height), std::move(parts[shape]), shape});
  }
  return strata;
}

/// Where `rows` have few pictures of a shape, they get another one.
void merge_shapes(std::vector<uint8_t>& shapes, const RowSet& rows, uint64_t fewest) {
  std::vector<uint64_t> counts(kShapes);
  for (uint64_t rank = 0; rank < rows.size(); ++rank) ++counts[shapes[rows.at(rank)]];
  const std::vector<size_t> taker = merge_small_shapes(counts, fewest);
  for (uint64_t rank = 0; rank < rows.size(); ++rank) {
    uint8_t& shape = shapes[rows.at(rank)];
    shape = static_cast<uint8_t>(taker[shape]);
  }
}

/// Divides each stratum's weight among the shapes that its rows have, by how many have it: every row of it keeps its
/// weight.
void divide_by_shape(StreamPlan& plan, const Config& config, const std::function<void(double)>& progress) {
  plan.frames = frames_of_shapes(config.data.image_size, 1 << config.model.levels);
  std::vector<uint8_t> shapes = shapes_of_rows(*plan.manifest, progress);
  for (const Stratum& stratum : plan.strata) merge_shapes(shapes, stratum.rows, kFewestRowsOfShape);
  merge_shapes(shapes, plan.rows, std::max(kFewestRowsOfShape, plan.block));
  const auto shape_of = [&](uint64_t row) { return shapes[row]; };
  divide(
      plan, [&](const Stratum& whole) { return shapes_of(whole, plan, shape_of); },
      [](double weight, const Stratum& part, const Strata& parts) {
        if (part.rows.empty()) return weight;
        uint64_t rows = 0;
        for (const Stratum& each : parts) rows += each.rows.size();
        return weight * static_cast<double>(part.rows.size()) / static_cast<double>(rows);
      });
}

/// Shares the rows of the plan out, which has a block for its shapes. What is held out is neither mixed nor balanced.
void share_out(StreamPlan& plan, const Config& config, bool held_out, const std::function<void(double)>& progress) {
  const DataConfig& data = config.data;
  plan.strata = {{data.list, plan.rows}};
  plan.weightings.clear();
  if (is_mix(data.list) && !held_out) {
    const Mix mix = read_mix(data.list);
    plan.strata = lists_of(mix, *plan.manifest, plan.rows);
    plan.weightings = mix.weightings;
  }
  if (data.balance == Balance::kLabel && !held_out) balance_labels(plan);
  if (data.shapes == Shapes::kBuckets) divide_by_shape(plan, config, progress);
  try {
    plan.stratified_order();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", data.list, error.what()));
  }
}

}  // namespace

StreamPlan plan_stream(const Config& config, std::shared_ptr<const Manifest> manifest, bool held_out,
                       const std::function<void(double)>& progress) {
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
  plan.frames = {{data.image_size, data.image_size}};
  if (data.shapes == Shapes::kBuckets) plan.block = plan.batch;
  share_out(plan, config, held_out, progress);
  return plan;
}

StreamPlan each_row_once(StreamPlan plan) {
  plan.strata = {{.name = "rows to measure by", .rows = plan.rows}};
  plan.weightings.clear();
  plan.order.mode = OrderMode::kFull;
  plan.augment = false;
  return plan;
}

StreamPlan with_block(const Config& config, StreamPlan plan, uint64_t block,
                      const std::function<void(double)>& progress) {
  const auto fewest = [](uint64_t positions) { return std::max(kFewestRowsOfShape, positions); };
  const bool is_as_shared = !plan.has_shapes() || fewest(plan.block) == fewest(block);
  plan.block = block;
  if (!is_as_shared) share_out(plan, config, /*held_out=*/false, progress);
  return plan;
}

void check_share(const StreamPlan& plan) {
  if (plan.rank >= plan.world)
    throw std::invalid_argument(
        fmt::format("rank {} is none of {} processes; it counts from 0", plan.rank, plan.world));
  if (plan.world > plan.batch)
    throw std::invalid_argument(
        fmt::format("a batch of {} cannot be shared by {} processes; raise train.batch_size", plan.batch, plan.world));
  if (!plan.has_shapes()) return;
  if (plan.block % plan.batch != 0)
    throw std::invalid_argument(fmt::format(
        "a batch of {} does not divide the {} positions that share a shape since the first start; set train.batch_size "
        "to a divisor of {}",
        plan.batch, plan.block, plan.block));
  const uint64_t begin = (plan.start.position - plan.origin) % plan.block;
  if (begin % plan.batch != 0)
    throw std::invalid_argument(fmt::format(
        "a batch of {} from position {} on would have two shapes, which change every {} positions; go on with a "
        "train.batch_size that divides {}",
        plan.batch, plan.start.position, plan.block, std::gcd(begin, plan.block)));
}

}  // namespace atelier
