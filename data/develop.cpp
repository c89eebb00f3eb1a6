#include "data/develop.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <variant>

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

/// The picture as a square, or why not; `prefix` tells the condition's failures from the image's.
std::variant<Image, Failure> square(const Recipe& recipe, std::span<const std::byte> bytes, const char* prefix) {
  auto decoded = decode(bytes, recipe.side);
  if (const auto* failure = std::get_if<DecodeFailure>(&decoded)) {
    return Failure{.fault = fault_of(failure->fault), .detail = prefix + failure->detail};
  }
  return fit_square(std::get<Image>(decoded), recipe.side, recipe.fit);
}

}  // namespace

Recipe recipe_of(const Config& config, bool augment) {
  return {.seed = config.data_seed(),
          .side = config.data.image_size,
          .fit = config.data.fit == Fit::kCrop ? SquareFit::kCrop : SquareFit::kPad,
          .condition = config.data.condition,
          .flip = augment && config.data.flip,
          .brightness = augment ? config.data.brightness : 0};
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

std::optional<Failure> develop(const Recipe& recipe, uint64_t position, const Negative& negative, const Slot& slot) {
  if (negative.sha256 && sha256_hex(negative.image) != *negative.sha256) {
    return Failure{.fault = Fault::kChecksum, .detail = "the bytes are not those that the list's sha256 names"};
  }
  auto image = square(recipe, negative.image, "");
  if (auto* failure = std::get_if<Failure>(&image)) return std::move(*failure);
  const Augmentation augmentation = draw_augmentation(recipe.seed, position, recipe.flip, recipe.brightness);
  Image& pixels = std::get<Image>(image);
  augment(pixels, augmentation);
  to_planes(pixels, slot.image);
  if (recipe.condition == Condition::kOutline) {
    std::ranges::copy(outline(pixels).pixels, slot.condition.begin());
  } else if (recipe.condition == Condition::kFile) {
    auto condition = square(recipe, negative.condition, "condition: ");
    if (auto* failure = std::get_if<Failure>(&condition)) return std::move(*failure);
    augment(std::get<Image>(condition), {.flip = augmentation.flip, .brightness = 1.0});
    to_planes(std::get<Image>(condition), slot.condition);
  }
  return std::nullopt;
}

}  // namespace atelier
