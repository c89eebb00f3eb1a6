#include "models/keyed.h"

#include <ATen/Parallel.h>
#include <cmath>
#include <map>
#include <span>
#include <string>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>

namespace atelier {
namespace {

std::span<float> values(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

/// float32 [N, ...shape] on the CPU; fill(row, position) writes sample by sample.
template <class Fill>
torch::Tensor rows(const std::vector<uint64_t>& positions, torch::IntArrayRef shape, Fill fill) {
  std::vector<int64_t> sizes{static_cast<int64_t>(positions.size())};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  const auto result = torch::empty(sizes, torch::kFloat32);
  const auto all = values(result);
  const size_t row = positions.empty() ? 0 : all.size() / positions.size();
  at::parallel_for(0, static_cast<int64_t>(positions.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto n = static_cast<size_t>(begin); n < static_cast<size_t>(end); ++n)
      fill(all.subspan(n * row, row), positions[n]);
  });
  return result;
}

/// How many inputs an output of `module` adds up.
double fan_in(const torch::nn::Module& module, const torch::Tensor& weight) {
  if (const auto* up = dynamic_cast<const torch::nn::ConvTranspose2dImpl*>(&module)) {
    // The weight is [in, out / groups, k, k]; each output meets k / stride of the taps along each axis.
    const auto& stride = *up->options.stride();
    return static_cast<double>(weight.size(0) * weight.size(2) * weight.size(3)) /
           static_cast<double>(up->options.groups() * stride[0] * stride[1]);
  }
  return static_cast<double>(weight.numel()) / static_cast<double>(weight.size(0));
}

}  // namespace

torch::Tensor keyed_normal(uint64_t seed, const std::vector<uint64_t>& positions, Purpose purpose,
                           torch::IntArrayRef shape, torch::Device device) {
  return rows(positions, shape,
              [&](std::span<float> row, uint64_t position) { fill_normal(row, seed, position, purpose); })
      .to(device);
}

torch::Tensor keyed_uniform(uint64_t seed, const std::vector<uint64_t>& positions, Purpose purpose,
                            torch::Device device) {
  return rows(positions, {},
              [&](std::span<float> row, uint64_t position) { fill_uniform(row, seed, position, purpose); })
      .to(device);
}

torch::Tensor Dropout::operator()(const torch::Tensor& x, uint32_t layer) const {
  if (positions.empty() || rate <= 0) return x;
  TORCH_CHECK(x.size(0) == static_cast<int64_t>(positions.size()), "dropout needs a position for each sample");
  const auto draws = rows(positions, x.sizes().slice(1), [&](std::span<float> row, uint64_t position) {
    fill_uniform(row, seed, position, Purpose::kDropout, layer);
  });
  const torch::Tensor kept = draws.ge(rate).to(x.device(), x.scalar_type()).div_(1 - rate);
  return x * kept.contiguous(x.suggest_memory_format());
}

void initialise_weights(torch::nn::Module& module, uint64_t seed, double deviation) {
  struct Place {
    torch::Tensor parameter;
    const torch::nn::Module* owner;
    std::string name;  // within the owner
  };
  std::map<std::string, Place> places;
  const auto add = [&](const std::string& prefix, const torch::nn::Module& owner) {
    for (const auto& parameter : owner.named_parameters(/*recurse=*/false))
      places[prefix + parameter.key()] = {parameter.value(), &owner, parameter.key()};
  };
  add("", module);
  for (const auto& child : module.named_modules("", /*include_self=*/false)) add(child.key() + '.', *child.value());

  const torch::NoGradGuard no_grad;
  uint64_t number = 0;
  for (const auto& [full_name, place] : places) {
    const auto& [parameter, owner, name] = place;
    if (parameter.dim() < 2) {
      parameter.fill_(name == "weight" ? 1 : 0);
    } else {
      const bool table = dynamic_cast<const torch::nn::EmbeddingImpl*>(owner) != nullptr;
      const double spread = table ? 1 : deviation > 0 ? deviation : std::sqrt(2 / fan_in(*owner, parameter));
      const auto draws = torch::empty(parameter.sizes(), torch::kFloat32);
      fill_normal(values(draws), seed, number, Purpose::kWeights);
      parameter.copy_(draws.mul_(spread));
    }
    ++number;
  }
}

}  // namespace atelier
