#include "tests/inference/tiny_run.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <torch/types.h>

#include "base/files.h"
#include "images/encode.h"
#include "models/checkpoint.h"
#include "models/objective.h"
#include "models/weights.h"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;

/// What a player has learned of the data, besides its weights: without it a colour could not be drawn.
void show_colors(Objective& objective) {
  const ModelSpec& spec = objective.spec();
  const auto count = static_cast<int64_t>(spec.labels.size());
  Examples examples;
  examples.images = torch::full({count, 3, spec.image_size, spec.image_size}, 255, torch::kUInt8);
  for (int64_t n = 0; n < count; ++n) {
    examples.images[n].narrow(1, 4, 8).narrow(2, 4, 8) = 40 + 60 * n;
    examples.positions.push_back(static_cast<uint64_t>(n));
  }
  if (spec.condition_channels() > 0)
    examples.conditions =
        torch::zeros({count, spec.condition_channels(), spec.image_size, spec.image_size}, torch::kUInt8);
  examples.labels = torch::arange(count);
  objective.observe(examples, 0);
}

void save_players(const fs::path& path, const ModelSpec& spec, uint64_t seed, bool averaged_only) {
  const auto objective = make_objective(spec, seed);
  show_colors(*objective);
  TensorFile file;
  for (const Player& player : objective->players())
    if (player.averaged || !averaged_only) file.tensors.merge(named_tensors(*player.module, player.name));
  file.metadata["atelier.spec"] = nlohmann::json(spec).dump();
  save_tensors(path, file);
}

void fill(Image& image, int left, int top, int right, int bottom) {
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      uint8_t* pixel =
          &image.rgb[3 * (static_cast<size_t>(y) * static_cast<size_t>(image.width) + static_cast<size_t>(x))];
      pixel[0] = 139, pixel[1] = 90, pixel[2] = 43;
    }
  }
}

}  // namespace

Scratch::Scratch() {
  std::string name = (fs::temp_directory_path() / "atelier-inference-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch folder");
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

ModelSpec tiny_diffusion(const std::string& condition) {
  return {.kind = "diffusion",
          .image_size = 16,
          .condition = condition,
          .labels = {"chair", "sofa", "table"},
          .channels = 8,
          .levels = 2,
          .blocks = 1,
          .attention_size = 8,
          .dropout = 0.1,
          .label_dropout = 0.1};
}

ModelSpec tiny_pix2pix() {
  return {.kind = "pix2pix",
          .image_size = 64,
          .condition = "outline",
          .labels = {"chair", "sofa", "table"},
          .channels = 8,
          .levels = 4,
          .blocks = 1,
          .attention_size = 0,
          .dropout = 0.1,
          .label_dropout = 0};
}

fs::path write_checkpoint(const fs::path& run_dir, const ModelSpec& spec, uint64_t position) {
  const fs::path folder = checkpoint_folder(run_dir, position);
  fs::create_directories(folder);
  save_players(folder / "model.safetensors", spec, 1, /*averaged_only=*/false);
  save_players(folder / "ema.safetensors", spec, 2, /*averaged_only=*/true);
  seal(folder, position);
  return folder;
}

void seal(const fs::path& folder, uint64_t position) {
  nlohmann::json state = {{"format", kCheckpointFormat}, {"position", position}, {"files", nlohmann::json::object()}};
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != "state.json")
      state["files"][entry.path().filename().string()] = sha256_file(entry.path());
  write_text(folder / "state.json", seal_state(state));
}

void write_weights(const fs::path& path, const std::map<std::string, std::string>& metadata) {
  save_tensors(path, {.tensors = {{"layer.weight", torch::zeros({20, 20})}}, .metadata = metadata});
}

void write_text(const fs::path& path, const std::string& text) { publish_file(path, text); }
std::string read_text(const fs::path& path) { return read_file(path); }

void write_chair(const fs::path& path, int width, int height) {
  Image image(width, height);
  const int w = width / 8, h = height / 8;
  fill(image, 2 * w, 1 * h, 3 * w, 7 * h);
  fill(image, 2 * w, 4 * h, 6 * w, 5 * h);
  fill(image, 5 * w, 4 * h, 6 * w, 7 * h);
  const auto png = encode_png(image);
  write_text(path, {reinterpret_cast<const char*>(png.data()), png.size()});
}

}  // namespace atelier::test
