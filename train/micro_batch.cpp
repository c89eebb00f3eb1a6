#include "train/micro_batch.h"

#include <ATen/DeviceAccelerator.h>
#include <algorithm>
#include <array>
#include <c10/util/Exception.h>
#include <charconv>
#include <fmt/format.h>
#include <new>
#include <numeric>
#include <string_view>

#include "base/files.h"
#include "train/memory_use.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

fs::path file_in(const fs::path& run_dir) { return run_dir / "micro-batch"; }

/// What LibTorch says on a CPU, CUDA outside LibTorch's own allocator, and cuBLAS and cuDNN of their workspaces.
constexpr std::array kOutOfMemory = {"can't allocate memory", "out of memory", "ALLOC_FAILED"};

Examples black_pictures(const ModelSpec& spec, uint64_t count, const Size& frame, torch::Device device) {
  const auto images = static_cast<int64_t>(count);
  const auto planes = [&](int64_t channels) {
    return torch::zeros({images, channels, frame.height, frame.width},
                        torch::TensorOptions().dtype(torch::kUInt8).device(device));
  };
  Examples examples{.images = planes(3),
                    .conditions = spec.condition_channels() > 0 ? planes(spec.condition_channels()) : torch::Tensor(),
                    .labels = torch::full({images}, spec.labels.empty() ? -1 : 0,
                                          torch::TensorOptions().dtype(torch::kInt64).device(device)),
                    .positions = std::vector<uint64_t>(count)};
  std::iota(examples.positions.begin(), examples.positions.end(), uint64_t{0});
  return examples;
}

}  // namespace

uint64_t images_at_once(const Choices& choices, uint64_t images) {
  return choices.micro_batch == 0 ? images : std::min(choices.micro_batch, images);
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) || dynamic_cast<const c10::OutOfMemoryError*>(&error)) return true;
  if (!dynamic_cast<const c10::Error*>(&error)) return false;
  const std::string_view text = error.what();
  return std::ranges::any_of(kOutOfMemory, [&](const char* words) { return text.find(words) != text.npos; });
}

Size largest_frame(const StreamPlan& plan) {
  const auto pixels = [](const Size& frame) { return int64_t{frame.width} * frame.height; };
  Size largest;
  for (const Stratum& stratum : plan.strata)
    if (const Size& frame = plan.frames.at(stratum.shape); pixels(frame) > pixels(largest)) largest = frame;
  return largest;
}

std::optional<uint64_t> largest_that_fits(uint64_t batch, const std::function<bool(uint64_t)>& fits) {
  for (uint64_t images = batch;; images = (images + 1) / 2) {
    if (fits(images)) return images;
    if (images == 1) return std::nullopt;
  }
}

uint64_t find_micro_batch(Trainer& trainer, const Size& frame, const std::function<void(uint64_t)>& told) {
  const torch::Device device = trainer.state().choices.device;
  const MemoryBound bound(device);
  const auto fits = [&](uint64_t images) {
    told(images);
    try {
      trainer.rehearse(black_pictures(trainer.objective().spec(), images, frame, device));
      return true;
    } catch (const std::exception& error) {
      if (!is_out_of_memory(error)) throw;
      if (!device.is_cpu()) at::accelerator::emptyCache();  // what the larger part has left in pieces
      return false;
    }
  };
  const auto found = largest_that_fits(trainer.clock().batch(), fits);
  if (!found)
    throw OutOfMemory(fmt::format(
        "Not even one image of {} x {} pixels fits into the memory of the {}: set a smaller data.image_size or "
        "model.channels, or train.recompute true.",
        frame.width, frame.height, device.is_cpu() ? "machine" : "GPU"));
  return *found;
}

void note_micro_batch(const fs::path& run_dir, uint64_t images) {
  publish_file(file_in(run_dir), fmt::format("{}\n", images));
}

std::optional<uint64_t> noted_micro_batch(const fs::path& run_dir) {
  if (!fs::exists(file_in(run_dir))) return std::nullopt;
  const std::string text = read_file(file_in(run_dir));
  uint64_t images = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), images).ec != std::errc() || images == 0)
    throw std::runtime_error(
        fmt::format("{} is damaged: remove it, and the run tries all images at once again", file_in(run_dir).string()));
  return images;
}

}  // namespace atelier
