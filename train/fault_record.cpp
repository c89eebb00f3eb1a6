#include "train/fault_record.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "configs/printable.h"
#include "data/url.h"
#include "train/append.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// What a replay showed, as the record has it. One that fails, such as for want of memory, is no reason to end a run.
ordered_json replay_of(Trainer& trainer, const Examples& examples, const StepFault& fault) try {
  const Replay replay = trainer.replay(examples, fault);
  ordered_json json = {{"replay", replay.reproduced ? "reproduced" : "not reproduced"}};
  if (!replay.reproduced || !replay.place) return json;
  const FaultPlace& place = *replay.place;
  json.update({{"pass", pass_name(place.pass)}, {"module", place.module}});
  if (place.pass != FaultPlace::Pass::kWeights)
    json.update({{"follows", place.follows}, {"operator", place.operation}});
  json["text"] = place.text();
  return json;
} catch (const std::exception&) {
  return {{"replay", "failed"}};
}

/// What the replay says to a person.
std::string replay_text(const ordered_json& replay) {
  if (replay.contains("text")) return fmt::format(" It began {}.", replay["text"].get<std::string>());
  if (replay["replay"] == "failed") return " The batch could not be replayed.";
  if (replay["replay"] == "reproduced")
    return " No operator was seen to begin it: each number may be finite, and their length not.";
  return " It did not happen again when the batch was replayed.";
}

}  // namespace

FaultRecord::FaultRecord(const fs::path& run_dir, Trainer& trainer, const Manifest& manifest)
    : path_(run_dir / "faults.jsonl"),
      trainer_(trainer),
      manifest_(manifest),
      in_a_row_(trainer.state().skips_in_a_row) {
  cut_lines(path_, trainer.clock().position());
  if (!fs::exists(path_)) return;
  const std::string kept = read_file(path_);
  lines_ = static_cast<uint64_t>(std::count(kept.begin(), kept.end(), '\n'));
  bytes_ = kept.size();
}

void FaultRecord::step(const Batch& batch, const Examples& examples, const StepResult& result,
                       const std::function<void(const std::string&)>& warn) {
  const uint64_t before = std::exchange(in_a_row_, trainer_.state().skips_in_a_row);
  if (before > 1 && in_a_row_ == 0)
    warn(fmt::format("step {}: finite again, after {} steps in a row that were not", trainer_.clock().step(), before));
  if (!result.fault) return;
  if (full()) {
    if (!std::exchange(said_full_, true))
      warn(
          fmt::format("step {}: something was not finite and updates were left out; {} is full, so from here on this "
                      "is counted, but neither recorded nor said",
                      trainer_.clock().step(), path_.string()));
    return;
  }
  const bool first = in_a_row_ == 1;
  const ordered_json replay = first ? replay_of(trainer_, examples, *result.fault) : ordered_json{{"replay", "none"}};
  if (first) warn(sentence(batch, *result.fault, replay));
  add(batch, *result.fault, replay);
}

void FaultRecord::add(const Batch& batch, const StepFault& fault, const ordered_json& replay) {
  ordered_json line = {{"position", trainer_.clock().position()},
                       {"step", trainer_.clock().step()},
                       {"player", player_of(fault)},
                       {"what", fault.in_loss ? "loss" : "gradients"},
                       {"in_a_row", in_a_row_}};
  line.update(replay);
  line.erase("text");
  line["not_finite"] = ordered_json::array();
  for (const size_t sample : fault.samples) line["not_finite"].push_back(batch.positions.at(sample));
  for (size_t sample = 0; sample < batch.positions.size(); ++sample) {
    const int64_t entry = batch.entries[sample];
    line["samples"].push_back({{"position", batch.positions[sample]},
                               {"entry", entry},
                               {"url", without_credentials(manifest_.entry(static_cast<uint64_t>(entry)).url)}});
  }
  const std::string text = line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  append_whole(path_, text);
  ++lines_;
  bytes_ += text.size();
}

std::string FaultRecord::sentence(const Batch& batch, const StepFault& fault, const ordered_json& replay) const {
  constexpr size_t kShown = 3;
  std::string text = fmt::format("step {}: the {} of the {} {} not finite, and the update was left out.{}",
                                 trainer_.clock().step(), fault.in_loss ? "loss" : "gradients", player_of(fault),
                                 fault.in_loss ? "was" : "were", replay_text(replay));
  const size_t count = fault.samples.size();
  if (count == batch.positions.size()) text += fmt::format(" All {} samples had such a loss.", count);
  if (count > 0 && count < batch.positions.size()) {
    text += " Samples with such a loss:";
    for (size_t i = 0; i < std::min(count, kShown); ++i) {
      const int64_t entry = batch.entries.at(fault.samples[i]);
      text += fmt::format("{} entry {} ({})", i > 0 ? "," : "", entry,
                          printable(without_credentials(manifest_.entry(static_cast<uint64_t>(entry)).url)));
    }
    text += count > kShown ? fmt::format(" and {} more.", count - kShown) : ".";
  }
  return text + fmt::format(" {} has the batch.", path_.string());
}

std::string FaultRecord::player_of(const StepFault& fault) const {
  return trainer_.objective().players().at(fault.player).name;
}

}  // namespace atelier
