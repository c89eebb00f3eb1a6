#include "train/entry_sheet.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "data/ask_all.h"
#include "data/develop.h"
#include "images/encode.h"
#include "images/transform.h"

namespace atelier {
namespace {

constexpr double kPatience = 10;  // seconds
constexpr int kColumns = 5;
constexpr int kLineHeight = 10, kLineSpacing = 16;  // of captions, pixels
constexpr uint8_t kGrey = 160;

Recipe recipe_of_tiles(const Config& config) {
  Recipe recipe = recipe_of(config, /*augment=*/false);
  recipe.condition = Condition::kNone;
  if (config.data.shapes != Shapes::kSquare) recipe.fit = FrameFit::kPad;
  return recipe;
}

EntryPicture develop_tile(const Recipe& recipe, const Entry& entry, Answer answer) {
  if (auto* failure = std::get_if<Failure>(&answer.body)) return {.image = {}, .failure = std::move(*failure)};
  const auto& bytes = std::get<std::vector<std::byte>>(answer.body);
  std::vector<uint8_t> planes(size_t{3} * kTileSide * kTileSide);
  const Negative negative{.image = bytes, .condition = {}, .sha256 = answer.is_original ? entry.sha256 : std::nullopt};
  auto failure = develop(recipe, 0, negative, {.frame = {kTileSide, kTileSide}, .image = planes, .condition = {}});
  if (failure) return {.image = {}, .failure = std::move(failure)};
  return {.image = from_planes(planes, kTileSide, kTileSide), .failure = {}};
}

Image captioned(const EntryPicture& picture, const std::pair<std::string, std::string>& caption) {
  Image tile = picture.image.value_or(Image(kTileSide, kTileSide, kGrey));
  tile.height += 2 * kLineSpacing + kLineSpacing / 2;
  tile.rgb.resize(static_cast<size_t>(tile.width) * static_cast<size_t>(tile.height) * 3, 255);
  draw_text(tile, caption.first, 2, kTileSide + kLineSpacing - kLineHeight, kLineHeight);
  draw_text(tile, caption.second, 2, kTileSide + 2 * kLineSpacing - kLineHeight, kLineHeight);
  return tile;
}

}  // namespace

std::vector<EntryPicture> fetch_pictures(const Config& config, const Manifest& manifest,
                                         const std::vector<uint64_t>& entries, const MakeSource& source,
                                         const std::function<void(size_t)>& told, const std::stop_token& stop) {
  const Recipe recipe = recipe_of_tiles(config);
  std::vector<EntryPicture> pictures(entries.size());
  size_t come = 0;
  Patience patience = patience_for_images(config);
  patience.deadline = std::min(patience.deadline, kPatience);
  ask_all(
      source, entries.size(), patience,
      [&](uint64_t number) { return Request{.url = manifest.entry(entries[number]).url, .item = {entries[number]}}; },
      [&](Outcome outcome) {
        const uint64_t number = outcome.answer.ticket;
        pictures[number] = develop_tile(recipe, manifest.entry(entries[number]), std::move(outcome.answer));
        told(++come);
      },
      stop);
  return pictures;
}

Image entry_sheet(const std::vector<EntryPicture>& pictures,
                  const std::vector<std::pair<std::string, std::string>>& captions) {
  std::vector<Image> tiles;
  for (size_t i = 0; i < pictures.size(); ++i) tiles.push_back(captioned(pictures[i], captions.at(i)));
  return contact_sheet(tiles, std::min(kColumns, static_cast<int>(tiles.size())));
}

}  // namespace atelier
