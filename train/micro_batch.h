#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "data/stream.h"
#include "images/transform.h"
#include "train/trainer.h"

/// How many images of a step are computed at once: as many as the memory holds. Fewer at once take longer and change
/// nothing else but the last bits of a loss: samples, their number and the update stay.
namespace atelier {

/// A step did not fit into memory any more. What it has done up to there must not be saved.
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How many of `images` are computed at once.
uint64_t images_at_once(const Choices& choices, uint64_t images);

/// Whether an allocation has failed: on a GPU, or in the machine's memory.
bool is_out_of_memory(const std::exception& error);

/// The largest shape of the batches to come.
Size largest_frame(const StreamPlan& plan);

/// The first of `batch`, a half of it, a quarter, ... (rounded up, at least 1) for which `fits`; nothing: none does.
std::optional<uint64_t> largest_that_fits(uint64_t batch, const std::function<bool(uint64_t images)>& fits);

/// How many images of `frame` the passes of a step of `trainer` can take at once, at most its batch: tried out with
/// black pictures. Throws OutOfMemory when not even one fits.
///   told  called with each number before it is tried; it may throw
uint64_t find_micro_batch(Trainer& trainer, const Size& frame, const std::function<void(uint64_t images)>& told);

/// RUN/micro-batch: the images at once that a step has left room for after it ran out of memory. No later start of the
/// run takes more, unless train.micro_batch asks for them.
void note_micro_batch(const std::filesystem::path& run_dir, uint64_t images);
/// Nothing: no step ever ran out of memory here. Throws std::runtime_error when the file is damaged.
std::optional<uint64_t> noted_micro_batch(const std::filesystem::path& run_dir);

}  // namespace atelier
