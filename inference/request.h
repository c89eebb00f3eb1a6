#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "configs/settings.h"
#include "models/spec.h"

namespace atelier {

/// Red, green, blue.
using Rgb = std::array<uint8_t, 3>;

/// What becomes of the file that steers a conditioned model.
enum class ConditionFrom {
  kNothing,  ///< the model has no condition
  kSketch,   ///< --condition of an "outline" model: the lines are the drawing's own
  kOutline,  ///< --image of an "outline" model: the lines are the picture's outline
  kPicture,  ///< --condition of a "file" model: the picture itself
};

/// A request that the model can fulfil: every doubt about the command line is settled here.
struct DesignRequest {
  std::string label;         ///< empty: none
  int64_t label_index = -1;  ///< what the network sees
  std::optional<Rgb> color;  ///< nothing: drawn by the model from its palette (pix2pix)
  int steps = 1;             ///< of the sampler; 1 for pix2pix, which has no sampler
  double guidance = 1.0;     ///< 1: none
  std::string start_file;    ///< the design to start from; empty: noise
  double strength = 1.0;     ///< how far to leave it, 0..1
  ConditionFrom condition_from = ConditionFrom::kNothing;
  std::string condition_file;   ///< empty with kNothing
  std::vector<uint64_t> seeds;  ///< one for each variation
};

/// Checks `settings` against what the model can do. No file is read.
///
/// A choice that the model would ignore is an error when it was given as a flag, and passed over when it came from a
/// file or the environment: those serve models of every kind. docs/generate.md has the table of what fits what.
/// Throws std::invalid_argument, one sentence.
DesignRequest make_request(const Resolved& settings, const ModelSpec& spec);

/// "#8b5a2b", exactly. Throws std::invalid_argument.
Rgb parse_color(const std::string& text);
/// The inverse: "#8b5a2b".
std::string color_text(const Rgb& color);

/// The seeds of `count` variations: the request's own first, then others that follow from it (Purpose::kVariation), all
/// at most kMaxSeed and no two alike. A longer list begins with the shorter one.
std::vector<uint64_t> variation_seeds(uint64_t seed, int count);

}  // namespace atelier
