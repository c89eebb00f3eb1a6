#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "configs/config.h"
#include "data/manifest.h"
#include "data/plan.h"
#include "models/spec.h"
#include "train/changes.h"
#include "train/choices.h"
#include "train/clock.h"

namespace atelier {

/// The network that the settings and the list's labels describe.
ModelSpec describe_model(const Config& config, const std::vector<std::string>& labels);

/// What makes a run this run: list, labels, model, seeds, order. As a flat object of name -> value, so that a
/// difference can be named.
nlohmann::json identity_of(const Config& config, const Manifest& manifest);

/// A list that a run has used, from a position on.
struct ListSpan {
  uint64_t position = 0;
  std::string sha256;
  bool operator==(const ListSpan&) const = default;
};

/// All that state.json says about a run besides its tensors.
struct RunState {
  Clock clock;
  nlohmann::json identity;      ///< identity_of()
  std::vector<ListSpan> lists;  ///< by rising position, the first at 0
  Choices choices;
  nlohmann::json settings;                              ///< key -> text, of seed, data, model and train
  std::vector<Change> changes = {};                     ///< of these, accepted; at most kMostChanges
  nlohmann::json init_from = nlohmann::json::object();  ///< InitSource::origin of its first weights; empty: the seed
  nlohmann::json scalers = nlohmann::json::object();    ///< player -> GradientScaler::state()
  /// Player -> Average::position() of the shorter and the longer average.
  std::map<std::string, std::pair<uint64_t, uint64_t>> averaged = {};
  uint64_t skipped = 0;         ///< updates left out because something was not finite
  uint64_t skips_in_a_row = 0;  ///< steps with such updates up to the last one
  uint64_t overflows = 0;       ///< updates left out for a scale of the loss too large for float16
};

/// The first start. `window` is the shuffle's.
RunState begin_run(const Config& config, const Manifest& manifest, uint64_t window);

/// A later start from `saved`: refuses (std::invalid_argument, one sentence) another list, model, seed or order, and
/// another past of a mix's weights. Dangerous changes (changes.h) are refused, too, unless `accept_changes`: then they
/// take effect and are named in `warnings`. A new batch size starts a segment and leaves the total of positions;
/// another number of epochs or of their steps sets the total to where that many steps end. With data.accept_list
/// another list starts a span.
RunState continue_run(const RunState& saved, const Config& config, const Manifest& manifest, bool accept_changes,
                      std::vector<std::string>& warnings);

/// In what `config` and `manifest` make another run than `saved` has been up to here, a clause each; empty: nothing.
std::vector<std::string> identity_differences(const RunState& saved, const Config& config, const Manifest& manifest);

/// `plan`, which plan_stream made of the run's settings, with what the run resolved once: block, window and origin.
///   progress  as with_block takes it
StreamPlan as_resolved(const Config& config, StreamPlan plan, const RunState& state,
                       const std::function<void(double share)>& progress = {});

void to_json(nlohmann::json& json, const ListSpan& span);
void from_json(const nlohmann::json& json, ListSpan& span);

/// state.json, without the hashes of the files beside it. from_json throws std::invalid_argument.
nlohmann::json to_json(const RunState& state);
RunState run_state_from_json(const nlohmann::json& json);

}  // namespace atelier
