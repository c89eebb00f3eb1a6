#include "data/develop.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/files.h"
#include "images/decode.h"

namespace atelier {
namespace {

Fault fault_of(DecodeFault fault) {
  switch (fault) {
    case DecodeFault::kNotAnImage:
      return Fault::kNotAnImage;
    case DecodeFault::kTruncated:
      return Fault::kTruncated;
    case DecodeFault::kTooManyPixels:
      return Fault::kTooManyPixels;
  }
  return Fault::kNotAnImage;
}

FrameFit frame_fit(Fit fit) {
  switch (fit) {
    case Fit::kCrop:
    case Fit::kRandom:
      return FrameFit::kCrop;
    case Fit::kPad:
      return FrameFit::kPad;
    case Fit::kStretch:
      return FrameFit::kStretch;
  }
  return FrameFit::kCrop;
}

Filter filter_of(Resample resample) {
  switch (resample) {
    case Resample::kArea:
      return Filter::kArea;
    case Resample::kBilinear:
      return Filter::kBilinear;
    case Resample::kLanczos:
      return Filter::kLanczos;
  }
  return Filter::kArea;
}

}  // namespace

std::optional<Failure> check_sha256(std::span<const std::byte> bytes, const std::optional<std::string>& sha256) {
  if (!sha256 || sha256_hex(bytes) == *sha256) return std::nullopt;
  return Failure{.fault = Fault::kChecksum, .detail = "the bytes are not those that the list's sha256 names"};
}

std::optional<Failure> failure_of(const std::optional<DecodeFailure>& failure, const char* prefix) {
  if (!failure) return std::nullopt;
  return Failure{.fault = fault_of(failure->fault), .detail = prefix + failure->detail};
}

Recipe recipe_of(const Config& config, bool augment) {
  const DataConfig& data = config.data;
  Recipe recipe{.seed = config.data_seed(),
                .fit = frame_fit(data.fit),
                .filter = filter_of(data.resample),
                .augmenting = {},
                .degrading = {},
                .condition = data.condition};
  if (!augment) return recipe;
  recipe.augmenting = {.flip = data.flip, .brightness = data.brightness, .crop = data.fit == Fit::kRandom};
  recipe.degrading = {.noise = data.noise, .blur = data.blur, .shake = data.shake, .motion = data.motion};
  return recipe;
}

int decode_threads(int asked) {
  return asked > 0 ? asked : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int condition_channels(Condition condition) {
  switch (condition) {
    case Condition::kNone:
      return 0;
    case Condition::kOutline:
      return 1;
    case Condition::kFile:
      return 3;
  }
  return 0;
}

uint64_t developing_bytes(const Negative& negative, const Size& frame) {
  // One after the other.
  return std::max(decoding_bytes(negative.image, frame), decoding_bytes(negative.condition, frame));
}

std::optional<Failure> develop(const Recipe& recipe, uint64_t position, const Negative& negative, const Slot& slot) {
  if (auto failure = check_sha256(negative.image, negative.sha256)) return failure;
  const Framing framing{.size = slot.frame, .fit = recipe.fit, .filter = recipe.filter};
  Augmentation augmentation = draw_augmentation(recipe.seed, position, recipe.augmenting);
  if (auto failure = failure_of(decode_framed(negative.image, framing, augmentation, slot.image), "")) return failure;
  const Degradation degradation = draw_degradation(recipe.seed, position, recipe.degrading);
  const auto degraded = [&](std::span<uint8_t> planes) {
    degrade(planes, slot.frame, degradation, recipe.seed, position);
    return planes;
  };
  switch (recipe.condition) {
    case Condition::kNone:
      degraded(slot.image);
      break;
    case Condition::kOutline: {
      std::vector<uint8_t> picture(slot.image.begin(), slot.image.end());
      const auto [width, height] = slot.frame;
      std::ranges::copy(outline(from_planes(degraded(picture), width, height)).pixels, slot.condition.begin());
      break;
    }
    case Condition::kFile:
      augmentation.brightness = 1.0;
      if (auto failure =
              failure_of(decode_framed(negative.condition, framing, augmentation, slot.condition), "condition: "))
        return failure;
      degraded(slot.condition);
      break;
  }
  return std::nullopt;
}

}  // namespace atelier
