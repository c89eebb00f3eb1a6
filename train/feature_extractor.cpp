#include "train/feature_extractor.h"

#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <torch/script.h>

namespace atelier {
namespace {

/// The last line: what comes before is a trace of calls.
std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

struct FeatureExtractor::Module {
  torch::jit::Module script;
};

FeatureExtractor::FeatureExtractor(const std::filesystem::path& file, torch::Device device) try
    : file_(file), device_(device), module_(std::make_unique<Module>(torch::jit::load(file.string(), device))) {
  module_->script.eval();
} catch (const c10::Error&) {
  throw std::invalid_argument(
      fmt::format("{} cannot be read as a TorchScript module, which torch.jit.save writes", file.string()));
}

FeatureExtractor::~FeatureExtractor() = default;
FeatureExtractor::FeatureExtractor(FeatureExtractor&&) noexcept = default;

torch::Tensor FeatureExtractor::operator()(const torch::Tensor& pictures) {
  const torch::NoGradGuard no_grad;
  torch::Tensor features;
  try {
    const torch::IValue answer = module_->script.forward({pictures.to(device_)});
    if (answer.isTensor()) features = answer.toTensor();
  } catch (const std::exception& error) {  // what a script may throw is its own affair
    throw std::invalid_argument(fmt::format("{} fails on pictures of {} x {} pixels: {}", file_.string(),
                                            pictures.size(3), pictures.size(2), last_line(error.what())));
  }
  if (!features.defined() || features.dim() != 2 || features.size(0) != pictures.size(0) || features.size(1) < 1 ||
      !features.is_floating_point())
    throw std::invalid_argument(
        fmt::format("{} must turn uint8 [N, 3, H, W] into one tensor of floats [N, D]", file_.string()));
  if (!features.isfinite().all().item<bool>())
    throw std::invalid_argument(fmt::format("{} gives features that are not finite", file_.string()));
  return features.to(torch::kCPU, torch::kFloat64);
}

}  // namespace atelier
