#include "models/recompute.h"

#include <ATen/autocast_mode.h>
#include <torch/autograd.h>
#include <torch/utils.h>
#include <utility>

namespace atelier {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Block = std::function<torch::Tensor(const variable_list&)>;

/// The autocast of a device, which the threads of the backward pass do not inherit.
struct AutocastState {
  at::DeviceType device;
  bool enabled = at::autocast::is_autocast_enabled(device);
  at::ScalarType dtype = at::autocast::get_autocast_dtype(device);
};

/// Autocast as it was elsewhere, while this lives; without its cache, which would keep this pass's copies of weights,
/// and hand out those of the first pass, which have no gradients.
class SameAutocast {
 public:
  explicit SameAutocast(const AutocastState& state)
      : before_{state.device}, cached_before_(at::autocast::is_autocast_cache_enabled()) {
    set(state, /*cached=*/false);
  }
  ~SameAutocast() { set(before_, cached_before_); }
  SameAutocast(const SameAutocast&) = delete;
  SameAutocast& operator=(const SameAutocast&) = delete;

 private:
  static void set(const AutocastState& state, bool cached) {
    at::autocast::set_autocast_enabled(state.device, state.enabled);
    at::autocast::set_autocast_dtype(state.device, state.dtype);
    at::autocast::set_autocast_cache_enabled(cached);
  }

  const AutocastState before_;
  const bool cached_before_;
};

/// What the backward pass needs besides the inputs.
struct Recipe : torch::CustomClassHolder {
  Recipe(Block made_by, AutocastState under) : block(std::move(made_by)), autocast(under) {}
  Block block;
  AutocastState autocast;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  static torch::Tensor forward(AutogradContext* context, at::TensorList inputs,
                               const c10::intrusive_ptr<Recipe>& recipe) {
    context->save_for_backward(inputs.vec());
    context->saved_data["recipe"] = c10::IValue::make_capsule(recipe);
    const SameAutocast uncached(recipe->autocast);
    return recipe->block(inputs.vec());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto recipe = c10::static_intrusive_pointer_cast<Recipe>(context->saved_data["recipe"].toCapsule());
    variable_list inputs;
    for (const torch::Tensor& saved : context->get_saved_variables())
      inputs.push_back(saved.detach().requires_grad_(saved.requires_grad()));
    torch::Tensor result;
    {
      const torch::AutoGradMode with_gradients(true);
      const SameAutocast autocast(recipe->autocast);
      result = recipe->block(inputs);
    }
    torch::autograd::backward({result}, {gradients[0]});
    variable_list of_inputs;
    for (const torch::Tensor& input : inputs) of_inputs.push_back(input.grad());
    of_inputs.emplace_back();  // of the recipe
    return of_inputs;
  }
};

}  // namespace

torch::Tensor recomputed(std::vector<torch::Tensor> inputs, Block block) {
  if (!torch::GradMode::is_enabled()) return block(inputs);
  const AutocastState autocast{inputs.front().device().type()};
  return Recomputed::apply(at::TensorList(inputs), c10::make_intrusive<Recipe>(std::move(block), autocast));
}

}  // namespace atelier
