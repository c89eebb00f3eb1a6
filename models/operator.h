#pragma once

#include <ATen/SequenceNumber.h>
#include <ATen/record_function.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <vector>

/// Operators of our own that profilers and FaultFinder see as they see LibTorch's.
namespace atelier {

/// The number that the next operator's node in the backward pass will have; -1: it will have none.
inline int64_t next_node() {
  return torch::GradMode::is_enabled() ? static_cast<int64_t>(at::sequence_number::peek()) : -1;
}

/// Runs `compute`, which returns the results, as one operator of this name; what it calls is not seen.
template <class Compute>
torch::autograd::variable_list as_operator(const char* name, const torch::autograd::variable_list& arguments,
                                           int64_t node, const Compute& compute) {
  const std::vector<c10::IValue> given(arguments.begin(), arguments.end());  // the record looks at them to its end
  at::RecordFunction record(at::RecordScope::FUNCTION);
  if (record.isActive()) record.before(name, c10::ArrayRef<const c10::IValue>(given.data(), given.size()), node);
  torch::autograd::variable_list results;
  {
    const at::RecordFunctionGuard inside(/*is_enabled=*/false);
    results = compute();
  }
  if (record.isActive()) record.setOutputs(std::vector<c10::IValue>(results.begin(), results.end()));
  return results;
}

}  // namespace atelier
