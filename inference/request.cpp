#include "inference/request.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <span>
#include <stdexcept>

#include "base/random.h"
#include "configs/nearest.h"

namespace atelier {
namespace {

constexpr int kMaxVariations = 64;
constexpr size_t kLabelsShown = 40;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> sentence, Args&&... args) {
  throw std::invalid_argument(fmt::format(sentence, std::forward<Args>(args)...));
}

std::string list_labels(const std::vector<std::string>& labels) {
  const size_t shown = std::min(labels.size(), kLabelsShown);
  std::string text = fmt::format("{}", fmt::join(std::span(labels).first(shown), ", "));
  if (shown < labels.size()) text += fmt::format(" and {} more", labels.size() - shown);
  return text;
}

/// The settings of a request beside the model that they are for.
struct Fitting {
  const Resolved& settings;
  const ModelSpec& spec;

  const GenerateConfig& asked() const { return settings.config.generate; }
  bool is_diffusion() const { return spec.kind == "diffusion"; }

  bool is_flag(const std::string& key) const {
    const auto source = std::find_if(settings.sources.begin(), settings.sources.end(),
                                     [&](const auto& entry) { return entry.first == key; });
    return source != settings.sources.end() && source->second != "default" && source->second != "environment" &&
           !source->second.starts_with("file ");
  }

  void refuse_flag(const std::string& name, const char* why) const {
    if (is_flag("generate." + name)) refuse("--{} does not fit this {} model: {}.", name, spec.kind, why);
  }

  void fit_label(DesignRequest& request) const {
    const auto& labels = spec.labels;
    request.label = asked().label;
    if (request.label.empty()) {
      const bool knows_unlabelled = labels.empty() || (is_diffusion() && spec.label_dropout > 0);
      if (!knows_unlabelled) refuse("This model needs --label, one of: {}.", list_labels(labels));
      return;
    }
    if (labels.empty())
      refuse("The label \"{}\" cannot be asked for: this model was trained without labels, so leave --label out.",
             request.label);
    const auto found = std::find(labels.begin(), labels.end(), request.label);
    if (found == labels.end())
      refuse("This model knows no label \"{}\". Nearest: {}; all: {}.", request.label, nearest(request.label, labels),
             list_labels(labels));
    request.label_index = found - labels.begin();
  }

  void fit_color(DesignRequest& request) const {
    if (asked().color.empty()) return;
    if (is_diffusion()) return refuse_flag("color", "only pix2pix models take a colour");
    request.color = parse_color(asked().color);
  }

  void fit_sampler(DesignRequest& request) const {
    if (!is_diffusion()) {
      refuse_flag("steps", "it makes a picture in one pass");
      refuse_flag("quality", "it makes a picture in one pass");
      refuse_flag("guidance", "it has no classifier-free guidance");
      return;
    }
    request.steps = asked().steps > 0 ? asked().steps : steps_of(asked().quality);
    const bool follows_condition = spec.condition != "none" && spec.condition_dropout > 0;
    if (!follows_condition && request.label_index < 0)
      return refuse_flag("guidance", "guidance strengthens a label, so give --label too");
    if (!follows_condition && spec.label_dropout <= 0)
      return refuse_flag("guidance", "it was trained with model.label_dropout 0");
    request.guidance = asked().guidance;
  }

  /// Which of --image and --condition is the start and which the condition.
  void fit_files(DesignRequest& request) const {
    const std::string &image = asked().image, &condition = asked().condition;
    if (spec.condition == "none") {
      if (!condition.empty()) refuse("--condition does not fit: this model was trained without a condition.");
      request.start_file = image;
    } else if (spec.condition == "file") {
      if (condition.empty()) refuse("This model needs --condition FILE, the picture that it turns into a design.");
      request.condition_from = ConditionFrom::kPicture;
      request.condition_file = condition;
      request.start_file = image;
    } else if (!condition.empty()) {
      request.condition_from = ConditionFrom::kSketch;
      request.condition_file = condition;
      request.start_file = image;
    } else if (!image.empty()) {
      request.condition_from = ConditionFrom::kOutline;
      request.condition_file = image;
      if (is_flag("generate.strength")) request.start_file = image;
    } else {
      refuse("This model needs a drawing: give --condition FILE (a sketch) or --image FILE (its outline is taken).");
    }
  }

  void fit_start(DesignRequest& request) const {
    if (!is_diffusion()) {
      refuse_flag("strength", "only diffusion models start from a design");
      if (!request.start_file.empty())
        refuse("--image does not fit beside --condition: this pix2pix model follows one drawing, so leave one out.");
    }
    if (request.start_file.empty() && is_flag("generate.strength"))
      refuse("--strength needs --image FILE, a design to start from.");
    if (!request.start_file.empty()) request.strength = asked().strength;
  }

  static int steps_of(Quality quality) {
    switch (quality) {
      case Quality::kFast:
        return 9;
      case Quality::kBalanced:
        return 18;
      case Quality::kHigh:
        return 40;
    }
    std::abort();
  }
};

}  // namespace

DesignRequest make_request(const Resolved& settings, const ModelSpec& spec) {
  const Fitting fitting{settings, spec};
  DesignRequest request;
  fitting.fit_label(request);
  fitting.fit_color(request);
  fitting.fit_sampler(request);
  fitting.fit_files(request);
  fitting.fit_start(request);
  request.seeds = variation_seeds(settings.config.seed, settings.config.generate.variations);
  return request;
}

Rgb parse_color(const std::string& text) {
  const bool right =
      text.size() == 7 && text[0] == '#' && text.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string::npos;
  if (!right) refuse("--color cannot be \"{}\": write # and six hexadecimal digits, such as \"#8b5a2b\".", text);
  const unsigned long number = std::stoul(text.substr(1), nullptr, 16);
  return {static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
}

std::string color_text(const Rgb& color) { return fmt::format("#{:02x}{:02x}{:02x}", color[0], color[1], color[2]); }

std::vector<uint64_t> variation_seeds(uint64_t seed, int count) {
  if (seed > kMaxSeed) refuse("--seed cannot be {}: take 0 to {}.", seed, kMaxSeed);
  if (count < 1 || count > kMaxVariations) refuse("--variations cannot be {}: take 1 to {}.", count, kMaxVariations);
  std::vector<uint64_t> seeds{seed};
  for (uint64_t draw = 0; seeds.size() < static_cast<size_t>(count); ++draw) {
    const uint64_t next = random_bits(seed, draw, Purpose::kVariation) & kMaxSeed;
    if (std::find(seeds.begin(), seeds.end(), next) == seeds.end()) seeds.push_back(next);
  }
  return seeds;
}

}  // namespace atelier
