#include "train/step_text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "configs/printable.h"
#include "data/url.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

/// How far a shaking hand gets from its centre, as a share of the side.
double reach_of(const Degradation::Path& path) {
  double reach = 0;
  for (const auto& [x, y] : path) reach = std::max(reach, std::hypot(double{x}, double{y}));
  return reach;
}

/// From one end to the other, as a share of the side.
double length_of(const Degradation::Path& path) {
  if (path.empty()) return 0;
  const auto &first = path.front(), &last = path.back();
  return std::hypot(double{last.first} - double{first.first}, double{last.second} - double{first.second});
}

/// "mirrored, brightness 0.934, crop at 0.31, noise 7.2"
std::string augmentation_text(const StepSample& sample) {
  const auto& [flip, brightness, crop] = sample.augmentation;
  const Degradation& degradation = sample.degradation;
  std::string text = flip ? "mirrored, " : "";
  text += fmt::format("brightness {:.3f}", brightness);
  if (crop) text += fmt::format(", crop at {:.3f}", *crop);
  if (degradation.noise > 0) text += fmt::format(", noise {:.1f}", degradation.noise);
  if (degradation.blur > 0) text += fmt::format(", blur {:.4f}", degradation.blur);
  if (!degradation.shake.empty()) text += fmt::format(", shake {:.4f}", reach_of(degradation.shake));
  if (!degradation.motion.empty()) text += fmt::format(", motion {:.4f}", length_of(degradation.motion));
  return text;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

}  // namespace

std::string sample_text(const StepSample& sample, const PlayerLosses& losses) {
  std::string text = fmt::format("  {}  entry {}", sample.position, sample.entry);
  if (sample.attempt > 0)
    text += fmt::format(" in place of {}{}", sample.ordered,
                        sample.fault ? fmt::format(" ({})", fault_name(*sample.fault)) : "");
  if (sample.label) text += fmt::format("  {}{}", printable(*sample.label), sample.label_withheld ? " (withheld)" : "");
  if (sample.condition_withheld) text += "  input image withheld";
  text += fmt::format("  {}x{}  {}", sample.frame.width, sample.frame.height, augmentation_text(sample));
  if (sample.noise_level) text += fmt::format("  noise level {:.4g}", *sample.noise_level);
  for (const auto& [player, loss] : losses) text += fmt::format("  {} {:.4g}", player, loss);
  return text + "  " + printable(sample.url);
}

std::string sample_json(uint64_t step, const StepSample& sample, const PlayerLosses& losses) {
  Json json = {{"step", step},
               {"position", sample.position},
               {"entry", sample.entry},
               {"url", sample.url},
               {"label", or_null(sample.label)},
               {"label_withheld", sample.label_withheld},
               {"condition_withheld", sample.condition_withheld},
               {"attempt", sample.attempt},
               {"ordered", sample.ordered},
               {"fault", sample.fault ? Json(fault_name(*sample.fault)) : Json()},
               {"width", sample.frame.width},
               {"height", sample.frame.height},
               {"flip", sample.augmentation.flip},
               {"brightness", sample.augmentation.brightness},
               {"crop", or_null(sample.augmentation.crop)},
               {"noise", sample.degradation.noise},
               {"blur", sample.degradation.blur},
               {"shake", reach_of(sample.degradation.shake)},
               {"motion", length_of(sample.degradation.motion)},
               {"noise_level", or_null(sample.noise_level)},
               {"loss", losses.empty() ? Json() : Json(losses)}};
  return dump(json);
}

std::string ranking_head() { return "rank       entry    seen       loss  relative  label, url"; }

std::string ranking_text(size_t rank, const EntryLoss& loss, const Entry& entry,
                         const std::optional<Failure>& failure) {
  return fmt::format("{:>4}  {:>10}  {:>6}  {:>9.4g}  {:>8.3f}  {}{}{}", rank, loss.entry, loss.seen, loss.loss,
                     loss.relative, entry.label ? printable(*entry.label) + "  " : "",
                     printable(without_credentials(entry.url)),
                     failure ? fmt::format("  (no picture: {})", fault_name(failure->fault)) : "");
}

std::string ranking_json(size_t rank, const EntryLoss& loss, const Entry& entry,
                         const std::optional<Failure>& failure) {
  return dump({{"rank", rank},
               {"entry", loss.entry},
               {"seen", loss.seen},
               {"loss", loss.loss},
               {"relative", loss.relative},
               {"label", or_null(entry.label)},
               {"url", without_credentials(entry.url)},
               {"fault", failure ? Json(fault_name(failure->fault)) : Json()}});
}

}  // namespace atelier
