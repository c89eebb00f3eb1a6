#include "models/pix2pix_objective.h"

#include <fmt/format.h>
#include <optional>
#include <stdexcept>
#include <utility>

#include "models/keyed.h"
#include "models/pix2pix.h"
#include "models/pixels.h"

namespace atelier {
namespace {

constexpr double kPixelWeight = 100;       // lambda of equation 4
constexpr double kWeightDeviation = 0.02;  // section 6.2
constexpr AdamSettings kAdam{.beta1 = 0.5};

/// The mean of each sample, float32 [N], whatever comes after its first dimension.
torch::Tensor mean_of_each(const torch::Tensor& x) { return x.to(torch::kFloat32).flatten(1).mean(1); }

/// Binary cross entropy between logits and "real" or "fake", float32 [N].
torch::Tensor taken_for_real(const torch::Tensor& logits) {
  return mean_of_each(torch::softplus(-logits.to(torch::kFloat32)));
}
torch::Tensor taken_for_fake(const torch::Tensor& logits) {
  return mean_of_each(torch::softplus(logits.to(torch::kFloat32)));
}

/// Keeps gradients from a module's parameters while it lives.
class Frozen {
 public:
  explicit Frozen(torch::nn::Module& module) : module_(module) { require_gradients(false); }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { require_gradients(true); }

 private:
  void require_gradients(bool on) {
    for (auto& parameter : module_.parameters()) parameter.requires_grad_(on);
  }
  torch::nn::Module& module_;
};

/// Both networks as one module, so that one numbering gives their first weights.
struct Networks : torch::nn::Module {
  explicit Networks(const ModelSpec& spec)
      : discriminator(register_module("discriminator", Discriminator(spec))),
        generator(register_module("generator", Generator(spec))) {}
  Discriminator discriminator;
  Generator generator;
};

class Pix2PixObjective final : public Objective {
 public:
  Pix2PixObjective(const ModelSpec& spec, uint64_t seed) : spec_(spec), networks_(spec) {
    initialise_weights(networks_, seed, kWeightDeviation);
  }

  std::vector<Player> players() override {
    return {{.name = "discriminator", .module = discriminator().ptr(), .adam = kAdam, .averaged = false},
            {.name = "generator", .module = generator().ptr(), .adam = kAdam}};
  }

  torch::Tensor loss(size_t player, const Examples& examples, uint64_t seed) override {
    return player == 0 ? discriminator_loss(examples, seed) : generator_loss(examples, seed);
  }

  torch::Tensor held_out_loss(const Examples& examples, uint64_t /*seed*/) override {
    const torch::NoGradGuard no_grad;
    const torch::Tensor fake = generator()->forward(inputs_of(examples));
    return mean_of_each((fake - from_pixels(examples.images)).abs()) / 2;  // -1..1 is twice as wide as 0..1
  }

  std::string held_out_name() const override { return "L1"; }

  void observe(const Examples& examples, uint64_t seed) override {
    generator()->palette->note(examples.labels, foreground_colors(examples.images), examples.positions, seed);
  }

  torch::Tensor generate(const Wish& wish) override {
    check(wish);
    const torch::NoGradGuard no_grad;
    const torch::Tensor chosen = colors(wish);
    std::vector<torch::Tensor> pictures;
    for (size_t n = 0; n < wish.seeds.size(); ++n) pictures.push_back(generate_one(wish, chosen, n));
    return torch::cat(pictures);
  }

  torch::Tensor colors(const Wish& wish) override {
    if (wish.colors.defined()) return wish.colors;
    std::vector<torch::Tensor> drawn;
    for (size_t n = 0; n < wish.seeds.size(); ++n)
      drawn.push_back(generator()->palette->draw(wish.labels[static_cast<int64_t>(n)].item<int64_t>(), wish.seeds[n]));
    return torch::stack(drawn).to(wish.labels.device());
  }

  const ModelSpec& spec() const override { return spec_; }

 private:
  /// The generator's attempt at some examples.
  struct Attempt {
    Inputs inputs;
    torch::Tensor real, fake;  // float [N, 3, S, S] in -1..1
    std::vector<uint64_t> positions;
    uint64_t seed;
  };

  Discriminator& discriminator() { return networks_.discriminator; }
  Generator& generator() { return networks_.generator; }

  static Inputs inputs_of(const Examples& examples) {
    return {.conditions = from_pixels(examples.conditions),
            .labels = examples.labels,
            .colors = from_pixels(foreground_colors(examples.images))};
  }

  Attempt attempt(const Examples& examples, uint64_t seed) {
    const Inputs inputs = inputs_of(examples);
    const torch::Tensor fake = generator()->forward(inputs, {spec_.dropout, seed, examples.positions});
    return {inputs, from_pixels(examples.images), fake, examples.positions, seed};
  }

  torch::Tensor discriminator_loss(const Examples& examples, uint64_t seed) {
    attempt_.reset();  // of a turn that was not followed: its memory first
    attempt_ = attempt(examples, seed);
    const torch::Tensor real = discriminator()->forward(attempt_->inputs, attempt_->real);
    const torch::Tensor fake = discriminator()->forward(attempt_->inputs, attempt_->fake.detach());
    return (taken_for_real(real) + taken_for_fake(fake)) / 2;
  }

  torch::Tensor generator_loss(const Examples& examples, uint64_t seed) {
    // The discriminator's turn left an attempt at the same examples, unless the turns were taken otherwise.
    std::optional<Attempt> made = std::exchange(attempt_, std::nullopt);
    if (!made || made->seed != seed || made->positions != examples.positions) {
      made.reset();  // its memory first
      made = attempt(examples, seed);
    }
    const Frozen judge(*discriminator());
    const torch::Tensor logits = discriminator()->forward(made->inputs, made->fake);
    return taken_for_real(logits) + kPixelWeight * mean_of_each((made->fake - made->real).abs());
  }

  torch::Tensor generate_one(const Wish& wish, const torch::Tensor& chosen, size_t index) {
    const auto n = static_cast<int64_t>(index);
    const Inputs inputs{.conditions = from_pixels(wish.conditions.narrow(0, n, 1)),
                        .labels = wish.labels.narrow(0, n, 1),
                        .colors = from_pixels(chosen.narrow(0, n, 1))};
    return to_pixels(generator()->forward(inputs, {spec_.dropout, wish.seeds[index], {0}}));
  }

  void check(const Wish& wish) const {
    const auto count = static_cast<int64_t>(wish.seeds.size());
    if (count == 0 || wish.labels.sizes() != torch::IntArrayRef{count}) {
      throw std::invalid_argument(fmt::format("Each of {} pictures needs a seed and a label.", count));
    }
    if (wish.labels.max().item<int64_t>() >= static_cast<int64_t>(spec_.labels.size())) {
      throw std::invalid_argument(fmt::format("The model knows {} labels only.", spec_.labels.size()));
    }
    const int64_t side = spec_.image_size, channels = spec_.condition_channels();
    if (!wish.conditions.defined() || wish.conditions.sizes() != torch::IntArrayRef{count, channels, side, side}) {
      throw std::invalid_argument(fmt::format(
          "The model needs a condition of {0} channels and {1} x {1} pixels for each picture.", channels, side));
    }
    if (wish.colors.defined() && wish.colors.sizes() != torch::IntArrayRef{count, 3}) {
      throw std::invalid_argument(fmt::format("Each of {} pictures needs a colour of three channels.", count));
    }
  }

  ModelSpec spec_;
  Networks networks_;
  std::optional<Attempt> attempt_;  // of the last discriminator_loss, until the generator's turn
};

}  // namespace

std::unique_ptr<Objective> make_pix2pix(const ModelSpec& spec, uint64_t seed) {
  return std::make_unique<Pix2PixObjective>(spec, seed);
}

}  // namespace atelier
