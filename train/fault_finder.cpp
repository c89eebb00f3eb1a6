#include "train/fault_finder.h"

#include <ATen/record_function.h>
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "models/weights.h"

namespace atelier {
namespace {

constexpr std::string_view kSlotName = "ATELIER_FAULT_FINDER";
constexpr c10::DebugInfoKind kSlot(&kSlotName);

/// Operators whose result is memory as it lies there, of any bits.
constexpr std::array kUnfilled = {"aten::empty", "aten::new_empty", "aten::_empty", "aten::resize"};
/// Operators whose result is their argument in another form.
constexpr std::array<std::string_view, 5> kCopies = {"aten::_to_copy", "aten::to", "aten::clone", "aten::contiguous",
                                                     "aten::copy_"};

bool is_unfilled(std::string_view operation) {
  return std::any_of(kUnfilled.begin(), kUnfilled.end(), [&](const char* name) { return operation.starts_with(name); });
}

bool all_finite(const torch::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != torch::kStrided || !tensor.is_floating_point()) return true;
  return tensor.isfinite().all().item<bool>();
}

bool all_finite(const std::vector<torch::Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const auto& tensor) { return all_finite(tensor); });
}

/// All tensors among the arguments or results of an operator.
std::vector<torch::Tensor> tensors_of(c10::ArrayRef<c10::IValue> values) {
  std::vector<torch::Tensor> tensors;
  for (const c10::IValue& value : values) {
    if (value.isTensor()) tensors.push_back(value.toTensor());
    if (value.isTensorList())
      for (const torch::Tensor& tensor : value.toTensorVector()) tensors.push_back(tensor);
  }
  return tensors;
}

/// Views of a tensor share it.
const void* memory_of(const torch::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

/// "generator.output.weight" -> "generator.output"
std::string module_of(const std::string& weight) { return weight.substr(0, weight.rfind('.')); }

/// Where an operator stands.
struct Standing {
  std::string module;
  bool follows = true;
};

/// An operator under way.
struct Operation : at::ObserverContext {
  Standing standing;
  bool from_finite = false;  // its arguments were
};

}  // namespace

/// Called by LibTorch around each operator; in a backward pass perhaps on another thread.
class FaultFinder::Watch : public c10::DebugInfoBase {
 public:
  /// Where the callbacks are, it is: both are handed on together.
  static Watch& of_this_thread() { return *static_cast<Watch*>(c10::ThreadLocalDebugInfo::get(kSlot)); }

  explicit Watch(const std::vector<Player>& players) {
    for (const Player& player : players)
      for (const auto& [name, tensor] : named_tensors(*player.module, player.name)) {
        if (const void* memory = memory_of(tensor)) modules_.emplace(memory, module_of(name));
        if (!place_ && !all_finite(tensor)) place_ = FaultPlace{FaultPlace::Pass::kWeights, name, false, ""};
      }
  }

  std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    const std::lock_guard lock(mutex_);
    if (place_) return nullptr;
    const at::RecordFunctionGuard unwatched(false);
    const torch::NoGradGuard no_grad;
    if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
      const auto forward = nodes_.find(function.seqNr());
      if (forward != nodes_.end()) now_ = forward->second;
      return nullptr;
    }
    const auto arguments = tensors_of(function.inputs());
    auto operation = std::make_unique<Operation>();
    operation->standing = standing_of(arguments);
    operation->from_finite = all_finite(arguments);
    return operation;
  }

  /// Of an operator that began while nothing was found: what is found now was found inside it. If all that it gives is
  /// finite, that was its own business, such as the infinity that a maximum starts from.
  void end(const at::RecordFunction& function, const Operation& operation) {
    const std::lock_guard lock(mutex_);
    const at::RecordFunctionGuard unwatched(false);
    const torch::NoGradGuard no_grad;
    const std::string_view name = function.name();
    const auto results = tensors_of(function.outputs());
    if (pass_ == FaultPlace::Pass::kForward && function.seqNr() >= 0)
      nodes_.insert_or_assign(function.seqNr(), operation.standing);
    if (!operation.standing.follows && std::find(kCopies.begin(), kCopies.end(), name) != kCopies.end())
      follow(results, operation.standing.module);
    const bool finite = is_unfilled(name) || all_finite(results);
    if (finite && !results.empty()) place_.reset();
    if (!finite && !place_ && operation.from_finite)
      place_ = FaultPlace{pass_, operation.standing.module, operation.standing.follows, std::string(name)};
  }

  void turn_back() {
    const std::lock_guard lock(mutex_);
    pass_ = FaultPlace::Pass::kBackward;
  }

  std::optional<FaultPlace> place() const {
    const std::lock_guard lock(mutex_);
    return place_;
  }

 private:
  /// In the module whose weights are among the arguments; else after the last one, which in the backward pass is that
  /// of the same place in the forward pass.
  Standing standing_of(const std::vector<torch::Tensor>& arguments) {
    for (const torch::Tensor& argument : arguments) {
      const auto module = modules_.find(memory_of(argument));
      if (module == modules_.end()) continue;
      if (pass_ == FaultPlace::Pass::kForward) now_ = {module->second, true};
      return {module->second, false};
    }
    return now_;
  }

  void follow(const std::vector<torch::Tensor>& copies, const std::string& module) {
    for (const torch::Tensor& copy : copies)
      if (const void* memory = memory_of(copy)) {
        modules_.insert_or_assign(memory, module);
        kept_.push_back(copy);
      }
  }

  mutable std::mutex mutex_;                              // guards all below
  std::unordered_map<const void*, std::string> modules_;  // memory of a weight, or of a copy -> whose it is
  std::vector<torch::Tensor> kept_;                       // copies of weights: their memory must not become another's
  std::map<int64_t, Standing> nodes_;                     // number of a node of the backward pass -> its operator's
  Standing now_;
  FaultPlace::Pass pass_ = FaultPlace::Pass::kForward;
  std::optional<FaultPlace> place_;
};

FaultFinder::FaultFinder(const std::vector<Player>& players)
    : watch_(std::make_shared<Watch>(players)), watched_(kSlot, watch_) {
  callback_ = at::addThreadLocalCallback(
      at::RecordFunctionCallback(
          [](const at::RecordFunction& function) { return Watch::of_this_thread().begin(function); },
          [](const at::RecordFunction& function, at::ObserverContext* operation) {
            if (operation) Watch::of_this_thread().end(function, static_cast<const Operation&>(*operation));
          })
          .needsInputs(true)
          .needsOutputs(true)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}

FaultFinder::~FaultFinder() { at::removeCallback(callback_); }

void FaultFinder::turn_back() { watch_->turn_back(); }

std::optional<FaultPlace> FaultFinder::place() const { return watch_->place(); }

std::string FaultPlace::text() const {
  if (pass == Pass::kWeights) return module + " itself is not finite";
  const std::string where = module.empty() ? "before any module" : (follows ? "after " : "in ") + module;
  return fmt::format("{} ({}), {}", where, operation, pass_name(pass));
}

const char* pass_name(FaultPlace::Pass pass) {
  switch (pass) {
    case FaultPlace::Pass::kForward:
      return "forward";
    case FaultPlace::Pass::kBackward:
      return "backward";
    case FaultPlace::Pass::kWeights:
      return "weights";
  }
  return "";
}

}  // namespace atelier
