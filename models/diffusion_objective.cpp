#include "models/diffusion_objective.h"

#include <fmt/format.h>
#include <stdexcept>

#include "models/diffusion.h"
#include "models/formulation.h"
#include "models/keyed.h"
#include "models/pixels.h"
#include "models/sampler.h"
#include "models/unet.h"
#include "models/withheld.h"

namespace atelier {
namespace {

torch::Tensor row(const torch::Tensor& tensor, int64_t n) { return tensor.defined() ? tensor.narrow(0, n, 1) : tensor; }

torch::Tensor twice(const torch::Tensor& tensor) { return tensor.defined() ? torch::cat({tensor, tensor}) : tensor; }

/// The noise of (seed, position), one for each of `pictures` and as large.
torch::Tensor draw_noise(const torch::Tensor& pictures, uint64_t seed, const std::vector<uint64_t>& positions) {
  return keyed_normal(seed, positions, Purpose::kNoise, pictures.sizes().slice(1), pictures.device());
}

class DiffusionObjective final : public Objective {
 public:
  DiffusionObjective(const ModelSpec& spec, uint64_t seed)
      : spec_(spec), formulation_(formulation_of(spec.objective)), unet_(spec) {
    unet_->initialise(seed);
  }

  std::vector<Player> players() override { return {{.name = "denoiser", .module = unet_.ptr(), .adam = {}}}; }

  torch::Tensor loss(size_t /*player*/, const Examples& examples, uint64_t seed) override {
    const torch::Device device = examples.images.device();
    const torch::Tensor level = draw_levels(formulation_, seed, examples.positions, device);
    const torch::Tensor weight =
        spec_.min_snr_gamma > 0 ? min_snr_weight(formulation_, level, spec_.min_snr_gamma) : formulation_.weight(level);
    const Given given = without(given_of(examples), withhold(spec_, seed, examples.positions, device));
    return loss_at(level, weight, examples, seed, given, {spec_.dropout, seed, examples.positions});
  }

  torch::Tensor held_out_loss(const Examples& examples, uint64_t seed) override {
    const torch::NoGradGuard no_grad;
    const Given given = given_of(examples);
    const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(examples.images.device());
    torch::Tensor sum = torch::zeros({examples.images.size(0)}, options);
    for (const double z : kNoiseQuantiles) {
      const torch::Tensor level = formulation_.level(torch::full_like(sum, z));
      sum += loss_at(level, formulation_.weight(level), examples, seed, given, {});
    }
    return sum / static_cast<double>(kNoiseQuantiles.size());
  }

  std::string held_out_name() const override { return formulation_.loss_name; }

  torch::Tensor generate(const Wish& wish) override {
    check(wish);
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> pictures;
    for (size_t n = 0; n < wish.seeds.size(); ++n) pictures.push_back(generate_one(wish, n));
    return torch::cat(pictures);
  }

  void set_recompute(bool on) override { unet_->recomputes = on; }

  const ModelSpec& spec() const override { return spec_; }

 private:
  /// What the network is told besides the noisy picture.
  struct Given {
    torch::Tensor labels;      // int64 [N]; -1: none
    torch::Tensor conditions;  // float [N, C, H, W] in [-1, 1], or undefined
  };

  Given given_of(const Examples& examples) const {
    return {.labels = examples.labels,
            .conditions = spec_.condition_channels() > 0 ? from_pixels(examples.conditions) : torch::Tensor()};
  }

  /// A condition that is withheld is grey all over, which is no drawing and no picture.
  static Given without(const Given& given, const Withheld& withheld) {
    Given rest{.labels = given.labels.masked_fill(withheld.labels, -1), .conditions = given.conditions};
    if (rest.conditions.defined()) rest.conditions = rest.conditions.masked_fill(as_pixels(withheld.conditions), 0);
    return rest;
  }

  torch::Tensor denoised(const torch::Tensor& noisy, const torch::Tensor& level, const Given& given,
                         const Dropout& dropout) {
    const Network network = [&](const torch::Tensor& scaled, const torch::Tensor& c_noise) {
      return unet_->forward(scaled, c_noise, given.labels, given.conditions, dropout);
    };
    return denoise(network, noisy, formulation_.precondition(level));
  }

  torch::Tensor loss_at(const torch::Tensor& level, const torch::Tensor& weight, const Examples& examples,
                        uint64_t seed, const Given& given, const Dropout& dropout) {
    const torch::Tensor pictures = from_pixels(examples.images);
    const torch::Tensor noisy =
        add_noise(formulation_, pictures, level, draw_noise(pictures, seed, examples.positions));
    return denoising_loss(denoised(noisy, level, given, dropout), pictures, weight);
  }

  /// D(x; level) of one picture, guided: with guidance, the picture as it is wished for and the one that is asked for
  /// without all that the model was trained without share a forward pass.
  Denoiser denoiser(const Given& given, double guidance) {
    if (guidance == 1) {
      return [this, given](const torch::Tensor& x, double level) {
        return denoised(x, x.new_full({1}, level), given, {});
      };
    }
    const auto second = torch::tensor({false, true}, given.labels.options().dtype(torch::kBool));
    const Given both =
        without({.labels = twice(given.labels), .conditions = twice(given.conditions)},
                {.labels = second & (spec_.label_dropout > 0), .conditions = second & (spec_.condition_dropout > 0)});
    return [this, both, guidance](const torch::Tensor& x, double level) {
      const auto answers = denoised(twice(x), x.new_full({2}, level), both, {}).chunk(2);
      return guide(answers[0], answers[1], guidance);
    };
  }

  torch::Tensor generate_one(const Wish& wish, size_t index) {
    const auto n = static_cast<int64_t>(index);
    const torch::Tensor start = row(wish.start, n);
    if (start.defined() && wish.strength == 0) return start.clone();

    const bool edit = start.defined() && wish.strength < 1;
    const double top = formulation_.top(edit ? wish.strength : 1);
    const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(wish.labels.device());
    const torch::Tensor design =
        edit ? from_pixels(start) : torch::zeros({1, 3, spec_.image_size, spec_.image_size}, options);
    const torch::Tensor noisy =
        add_noise(formulation_, design, torch::full({1}, top, options), draw_noise(design, wish.seeds[index], {0}));

    const Given given{.labels = row(wish.labels, n), .conditions = from_pixels(row(wish.conditions, n))};
    return to_pixels(sample_heun(denoiser(given, wish.guidance), noisy, formulation_.levels(wish.steps, top)));
  }

  void check(const Wish& wish) const {
    const auto count = static_cast<int64_t>(wish.seeds.size());
    const auto sized = [&](const torch::Tensor& tensor, int64_t channels) {
      return tensor.sizes() == torch::IntArrayRef{count, channels, spec_.image_size, spec_.image_size};
    };
    if (count == 0 || wish.labels.sizes() != torch::IntArrayRef{count}) {
      throw std::invalid_argument(fmt::format("Each of {} variations needs a seed and a label.", count));
    }
    if (wish.labels.max().item<int64_t>() >= static_cast<int64_t>(spec_.labels.size())) {
      throw std::invalid_argument(
          fmt::format("The model knows {} labels, and was asked for one beyond them.", spec_.labels.size()));
    }
    if (!(wish.strength >= 0 && wish.strength <= 1)) {
      throw std::invalid_argument(fmt::format("The strength of an edit is 0 to 1, not {}.", wish.strength));
    }
    const int64_t channels = spec_.condition_channels();
    if (wish.conditions.defined() != (channels > 0) || (channels > 0 && !sized(wish.conditions, channels))) {
      throw std::invalid_argument(fmt::format("The model needs {} condition channels of {} x {} pixels.", channels,
                                              spec_.image_size, spec_.image_size));
    }
    if (wish.start.defined() && !sized(wish.start, 3)) {
      throw std::invalid_argument(
          fmt::format("A design to start from has 3 channels of {0} x {0} pixels.", spec_.image_size));
    }
  }

  ModelSpec spec_;
  const Formulation& formulation_;
  UNet unet_;
};

}  // namespace

std::unique_ptr<Objective> make_diffusion(const ModelSpec& spec, uint64_t seed) {
  return std::make_unique<DiffusionObjective>(spec, seed);
}

}  // namespace atelier
