#include "inference/engine.h"

#include <ATen/Parallel.h>
#include <chrono>
#include <fmt/format.h>
#include <stdexcept>
#include <torch/types.h>
#include <torch/utils.h>
#include <utility>

#include "images/transform.h"
#include "models/device.h"
#include "models/objective.h"
#include "models/trained_network.h"

namespace atelier {
namespace {

torch::Device choose_device(Device wanted) {
  if (wanted == Device::kAuto) return any_device();
  return wanted == Device::kCuda ? cuda_device("generate.device") : torch::kCPU;
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
  TrainedNetwork network = load_network(config.checkpoint, config.average, warnings);
  objective_ = std::move(network.objective);
  objective_->to(device);
  origin_ = {spec().kind,          network.sha256, network.average, network.position, device.is_cuda() ? "cuda" : "cpu",
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
