#include "inference/engine.h"

#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <torch/torch.h>

#include "base/files.h"
#include "images/transform.h"
#include "models/checkpoint.h"
#include "models/device.h"
#include "models/objective.h"
#include "models/weights.h"
#include "models/weights_file.h"

namespace atelier {
namespace {

torch::Device choose_device(Device wanted) {
  if (wanted == Device::kAuto) return any_device();
  return wanted == Device::kCuda ? cuda_device("generate.device") : torch::kCPU;
}

/// The SHA-256 of `file` as the checkpoint's seal has it.
std::string sealed_hash(const Checkpoint& checkpoint, const std::string& file) {
  const auto& files = checkpoint.state.at("files");
  if (!files.contains(file))
    throw std::invalid_argument(fmt::format("The checkpoint {} holds no {}.", checkpoint.folder.string(), file));
  return files.at(file).get<std::string>();
}

/// The weights to generate with, and the hash that names them.
struct Chosen {
  WeightsFile file;
  std::string sha256;
};

Chosen load_single_file(const std::filesystem::path& path, bool average) {
  Chosen chosen{load_weights(path), sha256_file(path)};
  if (!average && chosen.file.weights == "average")
    throw std::invalid_argument(fmt::format(
        "{} holds the average of the weights, and generate.average is false: export the raw weights for that.",
        path.string()));
  return chosen;
}

Chosen load_from_run(const std::filesystem::path& path, bool average, std::vector<std::string>& warnings) {
  const Checkpoint checkpoint = open_checkpoint(path, warnings);
  const std::string name = average ? "ema.safetensors" : "model.safetensors";
  const std::string hash = sealed_hash(checkpoint, name);
  Chosen chosen{load_weights(checkpoint.folder / name), hash};
  chosen.file.weights = average ? "average" : "raw";
  chosen.file.position = checkpoint.position;
  return chosen;
}

/// The network that a weights file describes and fills. Players that keep no average, such as a discriminator, only
/// matter in training and stay as they are.
std::unique_ptr<Objective> make_network(const WeightsFile& file) {
  auto objective = make_objective(file.spec, 0);
  for (const Player& player : objective->players()) {
    player.module->eval();
    if (player.averaged) load_into(*player.module, player.name, file.tensors);
  }
  return objective;
}

torch::Tensor to_batch(std::span<const uint8_t> planes, int channels, int side) {
  auto batch = torch::empty({1, channels, side, side}, torch::kUInt8);
  std::copy(planes.begin(), planes.end(), batch.data_ptr<uint8_t>());
  return batch;
}

torch::Tensor to_batch(const Image& image) {
  std::vector<uint8_t> planes(image.rgb.size());
  to_planes(image, planes);
  return to_batch(planes, 3, image.width);
}

Image from_batch(const torch::Tensor& pictures) {
  const auto planes = pictures.to(torch::kCPU).contiguous();
  const std::span bytes(planes.const_data_ptr<uint8_t>(), static_cast<size_t>(planes.numel()));
  return from_planes(bytes, static_cast<int>(planes.size(3)), static_cast<int>(planes.size(2)));
}

Wish make_wish(const DesignRequest& request, const Material& material, const ModelSpec& spec, uint64_t seed,
               torch::Device device) {
  Wish wish;
  wish.labels = torch::full({1}, request.label_index, torch::kInt64).to(device);
  if (!material.condition.empty())
    wish.conditions = to_batch(material.condition, spec.condition_channels(), spec.image_size).to(device);
  if (request.color) wish.colors = torch::tensor(at::ArrayRef<uint8_t>(*request.color)).view({1, 3}).to(device);
  if (material.start) wish.start = to_batch(*material.start).to(device);
  wish.strength = request.strength;
  wish.steps = request.steps;
  wish.guidance = request.guidance;
  wish.seeds = {seed};
  return wish;
}

std::optional<Rgb> color_of(const torch::Tensor& colors) {
  if (!colors.defined()) return std::nullopt;
  const torch::Tensor one = colors.cpu().contiguous();
  const auto* channels = one.const_data_ptr<uint8_t>();
  return Rgb{channels[0], channels[1], channels[2]};
}

}  // namespace

Engine::Engine(const GenerateConfig& config, std::vector<std::string>& warnings) {
  if (config.checkpoint.empty())
    throw std::invalid_argument(
        "Which model? Give --checkpoint PATH: a run folder, one position's folder in it, or a weights file.");
  fix_arithmetic(choose_threads(config.threads));
  const torch::Device device = choose_device(config.device);
  std::error_code unreadable;  // open_checkpoint says what is wrong
  const Chosen chosen = std::filesystem::is_regular_file(config.checkpoint, unreadable)
                            ? load_single_file(config.checkpoint, config.average)
                            : load_from_run(config.checkpoint, config.average, warnings);
  objective_ = make_network(chosen.file);
  objective_->to(device);
  const bool average = chosen.file.weights != "raw";
  origin_ = {chosen.file.spec.kind, chosen.sha256, average, chosen.file.position, device.is_cuda() ? "cuda" : "cpu",
             at::get_num_threads()};
}

Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

const ModelSpec& Engine::spec() const { return objective_->spec(); }

Variation Engine::make(const DesignRequest& request, const Material& material, uint64_t seed) try {
  const torch::InferenceMode no_gradients;
  const auto start = std::chrono::steady_clock::now();
  const torch::Device device(origin_.device);
  Wish wish = make_wish(request, material, spec(), seed, device);
  wish.colors = objective_->colors(wish);
  Image image = from_batch(objective_->generate(wish));
  const int side = image.width;
  Variation variation =
      finish(std::move(image), make_record(request, material, origin_, seed, color_of(wish.colors), side));
  variation.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return variation;
} catch (const c10::Error& error) {
  throw std::runtime_error(fmt::format("The picture of seed {} cannot be made: {}", seed, error.msg()));
}

}  // namespace atelier
