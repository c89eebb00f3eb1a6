#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "configs/config.h"
#include "data/failure.h"
#include "images/decode.h"
#include "images/degrade.h"
#include "images/transform.h"

namespace atelier {

/// How fetched bytes become pixels; the same for a whole stream.
struct Recipe {
  uint64_t seed = 0;
  FrameFit fit = FrameFit::kCrop;
  Filter filter = Filter::kBilinear;
  Augmenting augmenting;
  DegradationChances degrading;
  Condition condition = Condition::kNone;
};

/// The recipe of a run; without `augment` nothing is drawn at random.
Recipe recipe_of(const Config& config, bool augment);

/// The threads that decode: data.threads, or one a core.
int decode_threads(int asked);

/// Channels of a condition image: 0 none, 1 outline, 3 file.
int condition_channels(Condition condition);

/// What was fetched for one entry. `condition` is empty unless Recipe::condition is kFile.
struct Negative {
  std::span<const std::byte> image;
  std::span<const std::byte> condition;
  std::optional<std::string> sha256;  ///< what `image` must hash to, 64 lower-case hexadecimal digits
};

/// A failure unless `bytes` hash to `sha256`, where there is one.
std::optional<Failure> check_sha256(std::span<const std::byte> bytes, const std::optional<std::string>& sha256);

/// What was wrong with a file, if anything; `prefix` tells the condition's failures from the image's.
std::optional<Failure> failure_of(const std::optional<DecodeFailure>& failure, const char* prefix);

/// Where one sample goes in a batch: planes of uint8, 3 * height * width and channels * height * width.
struct Slot {
  Size frame;
  std::span<uint8_t> image;
  std::span<uint8_t> condition;
};

/// The bytes that develop() takes to decode a sample into a frame, its slot and what is as small left out; judged from
/// the headers.
uint64_t developing_bytes(const Negative& negative, const Size& frame);

/// Checks, decodes, fits and augments one sample into its slot: a pure function of (recipe, position, bytes, frame).
/// The condition is mirrored with its image but keeps its brightness; an outline is that of the final pixels. What is
/// degraded is what a network is given, not what it shall make of it: the condition file, or the picture that the
/// outline is taken from; the image itself only where there is no condition.
///   returns  nothing, or what was wrong with the bytes; then the slot's contents are undefined
///   threads  any number at once; keeps nothing
std::optional<Failure> develop(const Recipe& recipe, uint64_t position, const Negative& negative, const Slot& slot);

}  // namespace atelier
