#include "train/precision.h"

#include <ATen/autocast_mode.h>
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <torch/autograd.h>

#include "models/layers.h"

namespace atelier {
namespace {

/// A training step as the networks of models/ make them: two 3x3 convolutions, a normalisation, a nonlinearity.
class TestStep {
 public:
  TestStep(torch::Device device, int channels)
      : device_(device),
        x_(torch::full({4, channels, 32, 32}, 0.5, torch::TensorOptions().device(device).dtype(torch::kFloat32))),
        first_(convolution(channels, channels, 3)),
        norm_(group_norm(channels)),
        second_(convolution(channels, channels, 3)) {
    const torch::NoGradGuard no_grad;
    for (Convolution* each : {&first_, &second_}) {
      (*each)->weight.fill_(0.01);
      (*each)->to(device);
    }
    norm_->to(device);
  }

  /// Seconds of one forward and backward pass.
  double seconds(torch::ScalarType dtype) {
    const auto start = std::chrono::steady_clock::now();
    torch::Tensor loss;
    {
      const Autocast autocast(device_, dtype);
      const torch::Tensor hidden = normalised(norm_, first_(x_), Activation::kSilu);
      loss = second_(hidden).to(torch::kFloat32).square().mean();
    }
    torch::autograd::grad({loss}, {first_->weight, second_->weight})[0].flatten()[0].item<float>();  // waits for a GPU
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  torch::Device device_;
  torch::Tensor x_;
  Convolution first_;
  torch::nn::GroupNorm norm_;
  Convolution second_;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

PrecisionChoice fastest_precision(torch::Device device, int channels) {
  constexpr int kFewest = 3, kMost = 9;
  constexpr double kEnough = 1;    // seconds
  constexpr double kHopeless = 4;  // times slower in the first comparison: no need to measure on
  TestStep step(device, channels);
  step.seconds(torch::kFloat32);  // warm up: memory, kernels
  std::vector<double> full{step.seconds(torch::kFloat32)}, brain{step.seconds(torch::kBFloat16)};
  if (brain[0] < kHopeless * full[0]) {
    brain.clear();  // that one was its warm-up
    double spent = 0;
    for (int run = 0; run < kMost && (run < kFewest || spent < kEnough); ++run) {
      full.push_back(step.seconds(torch::kFloat32));
      brain.push_back(step.seconds(torch::kBFloat16));
      spent += full.back() + brain.back();
    }
  }
  return faster_precision(median(full) * 1e3, median(brain) * 1e3);
}

}  // namespace

PrecisionChoice faster_precision(double float32_ms, double bfloat16_ms) {
  if (bfloat16_ms < float32_ms)
    return {torch::kBFloat16, fmt::format("{:.2g} ms a test step against {:.2g} in float32", bfloat16_ms, float32_ms)};
  return {torch::kFloat32, fmt::format("{:.2g} ms a test step against {:.2g} in bfloat16", float32_ms, bfloat16_ms)};
}

PrecisionChoice choose_precision(Precision wanted, torch::Device device, int channels) {
  switch (wanted) {
    case Precision::kFloat32:
      return {torch::kFloat32, "asked for"};
    case Precision::kBfloat16:
      return {torch::kBFloat16, "asked for"};
    case Precision::kFloat16:
      return {torch::kFloat16, "asked for"};
    case Precision::kAuto:
      break;
  }
  return fastest_precision(device, std::max(4, channels / 4 * 4));  // the test step has 4 groups
}

std::string precision_name(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat32:
      return "float32";
    case torch::kBFloat16:
      return "bfloat16";
    case torch::kFloat16:
      return "float16";
    default:
      throw std::invalid_argument(fmt::format("{} is not a training precision.", c10::toString(dtype)));
  }
}

torch::ScalarType precision_dtype(const std::string& name) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat16})
    if (precision_name(dtype) == name) return dtype;
  throw std::invalid_argument(fmt::format("\"{}\" is not a training precision: float32, bfloat16 or float16.", name));
}

Autocast::Autocast(torch::Device device, torch::ScalarType dtype)
    : device_(device.type()),
      active_(dtype != torch::kFloat32),
      enabled_before_(at::autocast::is_autocast_enabled(device_)),
      dtype_before_(at::autocast::get_autocast_dtype(device_)) {
  if (!active_) return;
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, dtype);
}

Autocast::~Autocast() {
  if (!active_) return;
  at::autocast::clear_cache();
  at::autocast::set_autocast_dtype(device_, dtype_before_);
  at::autocast::set_autocast_enabled(device_, enabled_before_);
}

GradientScaler::GradientScaler(torch::ScalarType dtype, torch::Device device)
    : adapts_(dtype == torch::kFloat16),
      scale_(torch::full({1}, adapts_ ? kFirstScale : 1.0, torch::TensorOptions(torch::kFloat32).device(device))),
      growth_(torch::zeros({1}, torch::TensorOptions(torch::kInt32).device(device))) {}

torch::Tensor GradientScaler::scale(const torch::Tensor& loss) const { return adapts_ ? loss * scale_[0] : loss; }

void GradientScaler::update(const torch::Tensor& found_inf) {
  if (!adapts_) return;
  at::_amp_update_scale_(scale_, growth_, found_inf, kGrowth, kBackoff, kGrowthInterval);
  scale_.clamp_min_(kSmallestScale);
}

double GradientScaler::current_scale() const { return scale_.item<float>(); }

nlohmann::json GradientScaler::state() const {
  return {{"scale", current_scale()}, {"good_steps", growth_.item<int>()}};
}

void GradientScaler::load(const nlohmann::json& state) {
  const auto number = [&](const char* key) {
    if (!state.is_object() || !state.contains(key) || !state[key].is_number())
      throw std::invalid_argument(fmt::format("The state of the gradient scaler has no number \"{}\".", key));
    return state[key].get<double>();
  };
  const double scale = number("scale");
  const double good_steps = number("good_steps");
  scale_.fill_(adapts_ ? std::max(scale, kSmallestScale) : 1.0);
  growth_.fill_(good_steps);
}

}  // namespace atelier
