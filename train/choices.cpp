#include "train/choices.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <torch/cuda.h>

#include "models/device.h"

namespace atelier {
namespace {

torch::Device choose_device(Device wanted) {
  if (wanted == Device::kAuto) return any_device();
  return wanted == Device::kCuda ? cuda_device("train.device") : torch::kCPU;
}

/// The saved device while nobody asks for another and it is still there.
torch::Device keep_device(Device wanted, torch::Device saved) {
  if (wanted != Device::kAuto) return choose_device(wanted);
  return saved.is_cpu() || torch::cuda::is_available() ? saved : choose_device(Device::kAuto);
}

}  // namespace

Choices make_choices(const Config& config, uint64_t window) {
  Choices choices;
  choices.device = choose_device(config.train.device);
  choices.threads = choose_threads(config.train.threads);
  fix_arithmetic(choices.threads);
  choices.precision = choose_precision(config.train.precision, choices.device, config.model.channels);
  choices.arithmetic = arithmetic_name();
  choices.window = window;
  choices.micro_batch = static_cast<uint64_t>(config.train.micro_batch);
  return choices;
}

Choices keep_choices(const Config& config, const Choices& saved, std::vector<Change>& changes,
                     std::vector<std::string>& warnings) {
  const TrainConfig& train = config.train;
  Choices choices = saved;
  choices.device = keep_device(train.device, saved.device);
  if (train.threads > 0) choices.threads = train.threads;
  if (train.micro_batch > 0) choices.micro_batch = static_cast<uint64_t>(train.micro_batch);
  if (train.precision != Precision::kAuto) choices.precision = choose_precision(train.precision, choices.device);
  choices.arithmetic = arithmetic_name();
  fix_arithmetic(choices.threads);

  const auto compare = [&](const char* what, bool asked, const std::string& before, const std::string& now) {
    if (before == now) return;
    if (asked)
      changes.push_back({.setting = what, .before = before, .now = now});
    else
      warnings.push_back(
          fmt::format("{} was {} and is {} now: the run goes on, but not bit for bit.", what, before, now));
  };
  compare("train.device", train.device != Device::kAuto, saved.device.str(), choices.device.str());
  compare("train.threads", train.threads > 0, std::to_string(saved.threads), std::to_string(choices.threads));
  compare("train.precision", train.precision != Precision::kAuto, precision_name(saved.precision.dtype),
          precision_name(choices.precision.dtype));
  compare("train.micro_batch", train.micro_batch > 0, std::to_string(saved.micro_batch),
          std::to_string(choices.micro_batch));
  compare("The machine's arithmetic", false, saved.arithmetic, choices.arithmetic);
  return choices;
}

void to_json(nlohmann::json& json, const Choices& choices) {
  json = {{"device", choices.device.str()},         {"precision", precision_name(choices.precision.dtype)},
          {"precision_why", choices.precision.why}, {"threads", choices.threads},
          {"arithmetic", choices.arithmetic},       {"window", choices.window},
          {"micro_batch", choices.micro_batch}};
}

void from_json(const nlohmann::json& json, Choices& choices) try {
  choices.device = torch::Device(json.at("device").get<std::string>());
  choices.precision = {precision_dtype(json.at("precision")), json.at("precision_why")};
  choices.threads = json.at("threads");
  choices.arithmetic = json.at("arithmetic");
  choices.window = json.at("window");
  choices.micro_batch = json.value("micro_batch", uint64_t{0});  // older runs computed all at once
} catch (const nlohmann::json::exception& error) {
  throw std::invalid_argument(std::string("The choices in the run's state cannot be read: ") + error.what() + ".");
} catch (const c10::Error& error) {
  throw std::invalid_argument(std::string("The device in the run's state cannot be read: ") +
                              error.what_without_backtrace() + ".");
}

}  // namespace atelier
