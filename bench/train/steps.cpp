// Times training steps of a preset on batches held in memory:
//
//   bench_train --config furniture-64 --train.batch_size 8 --steps 20 --inputs /tmp/inputs.safetensors
//
// The trainer is the one of atelier-train: losses, clipping, the guard against numbers that are not finite, averages;
// without stream, logs and checkpoints. One line of JSON on stdout: of each step the losses of the players, its
// seconds, and the processor's seconds. --inputs writes what another implementation needs to do the same steps: the
// first weights, and images, conditions, labels, noise levels and noise of every step.

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "configs/program.h"
#include "models/formulation.h"
#include "models/keyed.h"
#include "models/weights.h"
#include "train/choices.h"
#include "train/freed_memory.h"
#include "train/trainer.h"

namespace {

using namespace atelier;

constexpr int64_t kLabels = 10;
constexpr uint64_t kImageSeed = 20;

const Program kProgram{
    .name = "bench_train",
    .summary = "Times training steps on batches held in memory.",
    .sections = {"seed", "data", "model", "train"},
    .flags = {{"steps", "N", "how many (12)"}, {"inputs", "FILE", "write what the steps start from"}},
    .examples = {"--config furniture-64 --train.batch_size 8 --steps 20"}};

/// The processor's time of this process, all threads.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// uint8 [N, channels, side, side]: a number in 0..255 for each pixel that follows from its position.
torch::Tensor pixels(const std::vector<uint64_t>& positions, int64_t channels, int64_t side, uint64_t seed) {
  return (keyed_normal(seed, positions, Purpose::kNoise, {channels, side, side}, torch::kCPU) * 40 + 128)
      .clamp_(0, 255)
      .to(torch::kUInt8);
}

Examples examples_at(const ModelSpec& spec, uint64_t position, uint64_t batch) {
  Examples examples;
  for (uint64_t i = 0; i < batch; ++i) examples.positions.push_back(position + i);
  examples.images = pixels(examples.positions, 3, spec.image_size, kImageSeed);
  if (spec.condition_channels() > 0)
    examples.conditions = pixels(examples.positions, spec.condition_channels(), spec.image_size, kImageSeed + 1);
  examples.labels = (torch::arange(static_cast<int64_t>(batch)) + static_cast<int64_t>(position)).remainder(kLabels);
  return examples;
}

ModelSpec ten_labels(const Config& config) {
  std::vector<std::string> labels;
  for (int64_t label = 0; label < kLabels; ++label) labels.push_back(fmt::format("label {}", label));
  return describe_model(config, labels);
}

/// What the other implementation must know besides tensors.
nlohmann::json optimisation(const Config& config, Objective& objective) {
  const AdamSettings adam = objective.players().front().adam;
  return {{"learning_rate", config.train.learning_rate},
          {"weight_decay", config.train.weight_decay},
          {"clip", config.train.clip},
          {"beta1", adam.beta1},
          {"beta2", adam.beta2},
          {"epsilon", adam.epsilon}};
}

void write_inputs(const std::string& path, Objective& objective, const Config& config,
                  const std::vector<Examples>& steps) {
  TensorFile file;
  file.metadata = {{"atelier.spec", nlohmann::json(objective.spec()).dump()},
                   {"optimisation", optimisation(config, objective).dump()}};
  for (const Player& player : objective.players()) file.tensors.merge(named_tensors(*player.module, player.name));
  std::vector<torch::Tensor> images, conditions, labels, sigma, noise;
  for (const Examples& step : steps) {
    images.push_back(step.images);
    if (step.conditions.defined()) conditions.push_back(step.conditions);
    labels.push_back(step.labels);
    sigma.push_back(draw_levels(formulation_of("edm"), config.seed, step.positions, torch::kCPU));
    noise.push_back(
        keyed_normal(config.seed, step.positions, Purpose::kNoise, step.images.sizes().slice(1), torch::kCPU));
  }
  file.tensors.merge(std::map<std::string, torch::Tensor>{{"images", torch::stack(images)},
                                                          {"labels", torch::stack(labels)},
                                                          {"sigma", torch::stack(sigma)},
                                                          {"noise", torch::stack(noise)}});
  if (!conditions.empty()) file.tensors.emplace("conditions", torch::stack(conditions));
  save_tensors(path, file);
}

int run(const Invocation& invocation) {
  keep_freed_memory();
  const Config& config = invocation.config();
  const auto batch = static_cast<uint64_t>(config.train.batch_size);
  const uint64_t count = invocation.number("steps", 1).value_or(12);
  const Choices choices = make_choices(config, /*window=*/0);
  const auto objective = make_objective(ten_labels(config), config.seed);
  objective->to(choices.device);

  std::vector<Examples> steps;
  for (uint64_t step = 0; step < count; ++step) steps.push_back(examples_at(objective->spec(), step * batch, batch));
  if (const auto path = invocation.flag("inputs")) write_inputs(*path, *objective, config, steps);

  RunState state{.clock = Clock(batch, count * batch),
                 .identity = {},
                 .lists = {{.position = 0, .sha256 = ""}},
                 .choices = choices,
                 .settings = {}};
  Trainer trainer(*objective, config, std::move(state));
  nlohmann::json result = {{"losses", nlohmann::json::array()},
                           {"seconds", nlohmann::json::array()},
                           {"cpu", nlohmann::json::array()},
                           {"precision", precision_name(choices.precision.dtype)}};
  for (const Examples& step : steps) {
    const double begin = seconds(), cpu = cpu_seconds();
    result["losses"].push_back(trainer.step(step).losses);
    result["seconds"].push_back(seconds() - begin);
    result["cpu"].push_back(cpu_seconds() - cpu);
  }
  fmt::print("{}\n", result.dump());
  return kGood;
}

}  // namespace

int main(int argc, char** argv) { return run_program(kProgram, argc, argv, run); }
