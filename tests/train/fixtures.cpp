#include "tests/train/fixtures.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <new>
#include <stdexcept>

#include "models/checkpoint.h"

namespace atelier {

namespace fs = std::filesystem;

struct TwoLines::Line : torch::nn::Module {
  explicit Line(int64_t features) {
    weight = register_parameter("weight", torch::linspace(-0.1, 0.1, features));
    bias = register_parameter("bias", torch::zeros({1}));
    seen = register_buffer("seen", torch::zeros({1}, torch::kInt64));
  }
  torch::Tensor weight, bias, seen;
};

TwoLines::TwoLines(int64_t features)
    : first_(std::make_shared<Line>(features)), second_(std::make_shared<Line>(features)) {
  spec_.image_size = 2;
  spec_.labels = {"dark", "light"};
}

std::vector<Player> TwoLines::players() {
  return {{"generator", first_, {0.5, 0.999, 1e-8}, true}, {"discriminator", second_, {}, false}};
}

torch::Tensor TwoLines::loss(size_t player, const Examples& examples, uint64_t /*seed*/) {
  const Line& line = player == 0 ? *first_ : *second_;
  const torch::Tensor x = examples.images.flatten(1).to(torch::kFloat32) / 255;  // [N, F]
  const torch::Tensor y = x.mean(1) * (player == 0 ? 1.0 : -1.0);                // [N]
  return factor * (torch::mv(x, line.weight.slice(0, 0, x.size(1))) + line.bias - y).square();
}

torch::Tensor TwoLines::held_out_loss(const Examples& examples, uint64_t seed) { return loss(0, examples, seed); }

torch::Tensor TwoLines::generate(const Wish& wish) {
  const auto count = static_cast<int64_t>(wish.seeds.size());
  const auto value = torch::tensor(std::vector<int64_t>(wish.seeds.begin(), wish.seeds.end())).to(torch::kUInt8);
  return value.view({count, 1, 1, 1}).expand({count, 3, 2, 2}).contiguous();
}

void TwoLines::observe(const Examples& examples, uint64_t /*seed*/) {
  first_->seen += static_cast<int64_t>(examples.positions.size());
}

torch::Tensor Planted::loss(size_t player, const Examples& examples, uint64_t seed) {
  if (times-- <= 0) {
    if (fails_then) throw std::bad_alloc();
    return inner_->loss(player, examples, seed);
  }
  Examples seen = examples;
  seen.images = examples.images.to(torch::kFloat32);
  for (size_t n = 0; n < examples.positions.size() && player == only_player.value_or(player); ++n)
    if (not_a_number.contains(examples.positions[n]))
      seen.images[static_cast<int64_t>(n)].fill_(std::numeric_limits<float>::quiet_NaN());
  const torch::Tensor losses = inner_->loss(player, seen, seed).to(torch::kFloat32);
  return steep ? losses * 1e-20 * 1e20 * 1e20 : losses;  // on the way back 1e20 * 1e20, more than a float32 holds
}

std::unique_ptr<Objective> rough_network(const std::string& kind) {
  ModelSpec spec;
  spec.kind = kind;
  spec.image_size = 16;
  spec.condition = "outline";
  spec.labels = {"dark", "light"};
  spec.channels = 8;
  spec.levels = 2;
  spec.blocks = 1;
  spec.attention_size = 8;
  spec.dropout = 0.1;
  auto objective = make_objective(spec, 3);
  const torch::NoGradGuard no_grad;
  uint64_t number = 0;
  for (const Player& player : objective->players())
    for (auto& weight : player.module->parameters()) {
      const auto noise = torch::empty_like(weight);
      fill_normal({noise.data_ptr<float>(), static_cast<size_t>(noise.numel())}, 4, number++, Purpose::kNoise);
      weight.add_(noise, 0.05);
    }
  return objective;
}

namespace {

/// Pixels that only the seed and the position decide, all of one label.
Examples noise_at(uint64_t position, int64_t count, int64_t side) {
  Examples examples;
  examples.images = torch::empty({count, 3, side, side}, torch::kUInt8);
  examples.labels = torch::zeros({count}, torch::kInt64);
  const auto values = static_cast<uint64_t>(3 * side * side);
  for (int64_t n = 0; n < count; ++n) {
    const uint64_t at = position + static_cast<uint64_t>(n);
    examples.positions.push_back(at);
    for (uint64_t i = 0; i < values; ++i)
      examples.images[n].data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random_below(256, 5, at, Purpose::kNoise, i));
  }
  return examples;
}

}  // namespace

Examples pictures_at(uint64_t position, int64_t count) {
  Examples examples = noise_at(position, count, 16);
  examples.conditions = examples.images.slice(1, 0, 1).contiguous();
  return examples;
}

Examples examples_at(uint64_t position, int64_t count) { return noise_at(position, count, 2); }

Config small_config() {
  Config config;
  config.train.batch_size = 4;
  config.train.epochs = 3;
  config.train.steps_per_epoch = 10;
  config.train.learning_rate = 0.01;
  config.train.warmup = 0;
  config.train.device = Device::kCpu;
  config.train.precision = Precision::kFloat32;
  config.train.threads = 1;
  return config;
}

RunState small_state(const Config& config) {
  const RunState state{.clock = Clock(static_cast<uint64_t>(config.train.batch_size), 120),
                       .identity = {{"seed", 0}},
                       .lists = {{.position = 0, .sha256 = "none"}},
                       .choices = make_choices(config, 1000),
                       .settings = nlohmann::json::object()};
  return run_state_from_json(to_json(state));  // with what this version says of an older one
}

Snapshot snapshot_at(uint64_t position, int64_t size) {
  const auto tensor = torch::full({size}, static_cast<double>(position), torch::kFloat32);
  Snapshot snapshot{{{"generator.weight", tensor}},
                    {{"generator.weight", tensor}},
                    {{"generator.weight", tensor}},
                    {{"generator.step", tensor}},
                    {},
                    "",
                    {}};
  snapshot.state = {{"format", kCheckpointFormat}, {"position", position}};
  return snapshot;
}

void damage(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(-1, std::ios::end);
  stream.put('\x55');
}

}  // namespace atelier
