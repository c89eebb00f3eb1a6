#include "train/checkpoint_writer.h"

#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <stdexcept>
#include <torch/cuda.h>
#include <utility>

#include "base/files.h"
#include "train/average_snapshots.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, torch::Tensor>;

/// Tensors in host memory like `live`, each page touched.
Tensors room_for(const Tensors& live) {
  Tensors room;
  for (const auto& [name, tensor] : live)
    room[name] = torch::empty(tensor.sizes(), torch::dtype(tensor.dtype()).pinned_memory(tensor.is_cuda())).zero_();
  return room;
}

/// On this thread alone: memory is no faster from two, and a team of threads that other programs' work holds up costs
/// ten times the copy.
void copy_tensor(const torch::Tensor& from, const torch::Tensor& to) {
  if (from.is_cpu() && from.is_contiguous() && from.dtype() == to.dtype())
    std::memcpy(to.data_ptr(), from.const_data_ptr(), from.nbytes());
  else
    to.copy_(from, /*non_blocking=*/true);  // from a GPU; save() waits for all of them at once
}

/// `from` and `to` have the same names and shapes.
void copy_tensors(const Tensors& from, const Tensors& to) {
  const torch::NoGradGuard no_grad;
  auto target = to.begin();
  for (const auto& [name, tensor] : from) {
    if (target == to.end() || target->first != name || target->second.sizes() != tensor.sizes())
      throw std::logic_error(fmt::format("The snapshot's {} is not among the writer's tensors.", name));
    copy_tensor(tensor, (target++)->second);
  }
  if (target != to.end()) throw std::logic_error(fmt::format("The snapshot lacks {}.", target->first));
}

/// What failed.
std::optional<std::string> write_averages(const fs::path& run_dir, uint64_t position, const Snapshot& snapshot) try {
  write_average_snapshot(run_dir, position, snapshot.spec, snapshot.average, snapshot.long_average);
  return {};
} catch (const std::exception& error) {
  return fmt::format("The averages at position {} could not be kept ({}).", position, error.what());
}

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path run_dir, Keep keep, const Snapshot& live, std::optional<uint64_t> saved)
    : run_dir_(std::move(run_dir)), keep_(std::move(keep)), saved_(saved) {
  copy_.model = room_for(live.model);
  copy_.average = room_for(live.average);
  copy_.long_average = room_for(live.long_average);
  copy_.optimizer = room_for(live.optimizer);
}

std::optional<std::string> CheckpointWriter::save(uint64_t position, const Snapshot& live, Parts parts) {
  auto failure = wait();
  copy_tensors(live.average, copy_.average);
  copy_tensors(live.long_average, copy_.long_average);
  if (parts.checkpoint) {
    copy_tensors(live.model, copy_.model);
    copy_tensors(live.optimizer, copy_.optimizer);
  }
  if (!live.model.empty() && live.model.begin()->second.is_cuda()) torch::cuda::synchronize();
  copy_.spec = live.spec;
  copy_.verdicts = live.verdicts;
  copy_.state = live.state;
  position_ = position;
  writing_ =
      std::async(std::launch::async, write, std::cref(run_dir_), position, std::cref(copy_), std::cref(keep_), parts);
  return failure;
}

std::optional<std::string> CheckpointWriter::poll() {
  if (!writing_.valid() || writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return {};
  return wait();
}

std::optional<std::string> CheckpointWriter::wait() {
  if (!writing_.valid()) return {};
  Outcome outcome = writing_.get();
  if (outcome.published) saved_ = position_;
  return std::move(outcome.failure);
}

CheckpointWriter::Outcome CheckpointWriter::write(const fs::path& run_dir, uint64_t position, const Snapshot& snapshot,
                                                  const Keep& keep, Parts parts) {
  Outcome outcome;
  if (parts.averages) outcome.failure = write_averages(run_dir, position, snapshot);  // first: a resumed run has them
  if (!parts.checkpoint) return outcome;
  try {
    save_checkpoint(run_dir, position, snapshot);
    outcome.published = true;
    publish_file(run_dir / "verdicts.jsonl", snapshot.verdicts);
    if (parts.prune) prune_checkpoints(run_dir, position, keep);
  } catch (const std::exception& error) {
    outcome.failure =
        outcome.published
            ? fmt::format("The checkpoint at position {} is saved, but not all that follows from it is done ({}).",
                          position, error.what())
            : fmt::format("The checkpoint at position {} could not be saved ({}); older ones are as they were.",
                          position, error.what());
  }
  return outcome;
}

}  // namespace atelier
