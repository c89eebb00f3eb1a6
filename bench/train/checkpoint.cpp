// How long the training loop stands still for a checkpoint, beside a memcpy of the same bytes:
//
//   bench_checkpoint --config furniture-64 --train.run_dir /tmp/bench-run --rounds 15
//
// The trainer and the writer are those of atelier-train; the network has ten labels. Every round copies as many bytes
// from one block of touched memory to another on one thread, then saves (timed until the loop could go on), then waits
// until the checkpoint is published. Medians of the rounds, and the quotient's. The folder is left with the last one.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/program.h"
#include "models/objective.h"
#include "train/checkpoint_writer.h"
#include "train/choices.h"
#include "train/run_state.h"
#include "train/trainer.h"

namespace {

using namespace atelier;
using Time = std::chrono::steady_clock;

const Program kProgram{.name = "bench_checkpoint",
                       .summary = "Times the training loop's pause for a checkpoint beside a memcpy.",
                       .sections = {"seed", "data", "model", "train"},
                       .flags = {{"rounds", "N", "how many (15)"}},
                       .examples = {"--config furniture-64 --train.run_dir /tmp/bench-run"}};

double milliseconds(const auto& work) {
  const auto begin = Time::now();
  work();
  return std::chrono::duration<double, std::milli>(Time::now() - begin).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

size_t tensor_bytes(const Snapshot& snapshot) {
  size_t bytes = 0;
  for (const auto* tensors : {&snapshot.model, &snapshot.average, &snapshot.long_average, &snapshot.optimizer})
    for (const auto& [name, tensor] : *tensors) bytes += tensor.nbytes();
  return bytes;
}

int measure(const Invocation& invocation) {
  const Config& config = invocation.config();
  const uint64_t rounds = invocation.number("rounds", 1).value_or(15);
  std::vector<std::string> labels;
  for (int i = 0; i < 10; ++i) labels.push_back(fmt::format("label {}", i));
  const auto objective = make_objective(describe_model(config, labels), config.seed);
  Trainer trainer(*objective, config,
                  {.clock = Clock(static_cast<uint64_t>(config.train.batch_size), 1),
                   .identity = nlohmann::json::object(),
                   .lists = {{}},
                   .choices = make_choices(config, 1),
                   .settings = nlohmann::json::object()});
  const size_t bytes = tensor_bytes(trainer.snapshot(""));
  CheckpointWriter writer(config.train.run_dir, {}, trainer.snapshot(""));
  const std::vector<char> from(bytes, 'x');
  std::vector<char> to(bytes, 'y');
  std::vector<double> copies, pauses, writes, quotients;
  for (uint64_t round = 0; round < rounds; ++round) {
    copies.push_back(milliseconds([&] { std::memcpy(to.data(), from.data(), bytes); }));
    if (to[static_cast<size_t>(round) % bytes] != 'x') throw std::logic_error("nothing was copied");
    const auto save = [&] { writer.save(static_cast<uint64_t>(round) + 1, trainer.snapshot("")); };
    pauses.push_back(milliseconds(save));
    writes.push_back(milliseconds([&] {
      if (const auto failure = writer.wait()) throw std::runtime_error(*failure);
    }));
    quotients.push_back(pauses.back() / copies.back());
  }
  fmt::print("{} bytes of tensors: memcpy {:.2f} ms, pause {:.2f} ms, {:.2f} times as long; written {:.0f} ms later\n",
             bytes, median(copies), median(pauses), median(quotients), median(writes));
  return kGood;
}

}  // namespace

int main(int argc, char** argv) { return run_program(kProgram, argc, argv, measure); }
