#include "python/python_stream.h"

#include <pybind11/pybind11.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

#include "data/open_source.h"
#include "data/progress.h"
#include "data/saved_stream.h"

namespace atelier {
namespace {

void raise_what_signals_say() {
  if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
}

constexpr const char* kOneProcess =
    "streams have run in the process that this one was forked from, and their threads are not here; fork before the "
    "first batch or start processes by spawn (a stream needs no workers of a DataLoader: it has threads of its own)";

/// What libraries keep for a process does not survive a fork: the first process that streams is the only one.
void claim_process() {
  static const pid_t process = getpid();
  if (process != getpid()) throw std::runtime_error(kOneProcess);
}

/// For work without the GIL that may be left.
void raise_what_signals_say_under_way(double) {
  const pybind11::gil_scoped_acquire gil;
  raise_what_signals_say();
}

StreamPlan plan_share(const Config& config, bool held_out, uint64_t rank, uint64_t world, Warnings& warnings) {
  const pybind11::gil_scoped_release without_gil;
  const auto progress = raise_what_signals_say_under_way;
  const auto warn = [&](const std::string& sentence) { warnings.add(sentence); };
  StreamPlan plan = plan_stream(config, open_list(config.data, progress, warn), held_out, progress);
  plan.rank = rank;
  plan.world = world;
  check_share(plan);
  return plan;
}

}  // namespace

PythonStream::PythonStream(const Config& config, bool held_out, uint64_t rank, uint64_t world)
    : config_(config), plan_(plan_share(config, held_out, rank, world, *warnings_)) {
  warn();
}

PythonStream::~PythonStream() {
  if (owner_ != getpid()) {
    stream_.release();  // NOLINT(bugprone-unused-return-value): its threads are another process's
    return;
  }
  const pybind11::gil_scoped_release without_gil;
  stream_.reset();
}

/// Runs `work` without the GIL and alone.
template <class Work>
auto PythonStream::alone(Work work) const {
  if (owner_ != 0 && owner_ != getpid()) throw std::runtime_error(kOneProcess);
  const pybind11::gil_scoped_release without_gil;
  const std::lock_guard lock(mutex_);
  return work();
}

/// The next batch, or an empty one after a moment.
Batch PythonStream::wait_for_batch() {
  return alone([&] {
    if (!stream_) {
      claim_process();
      const auto failed = [warnings = warnings_](const std::string& sentence) {
        warnings->add("the cache is no longer filled: " + sentence);
      };
      stream_ = std::make_unique<Stream>(config_, plan_, open_source(config_.data, plan_.manifest, failed));
      begin_ = std::chrono::steady_clock::now();
      owner_ = getpid();
    }
    return stream_->next({}, std::chrono::milliseconds(0));
  });
}

void PythonStream::warn() const {
  for (const std::string& sentence : warnings_->take())
    if (PyErr_WarnEx(PyExc_UserWarning, sentence.c_str(), 1) != 0) throw pybind11::error_already_set();
}

PythonBatch PythonStream::next() {
  while (true) {
    warn();  // before there is a batch, which would be lost where warnings are errors
    Batch batch = wait_for_batch();
    if (batch.size > 0) return to_python(std::move(batch));
    raise_what_signals_say();
  }
}

std::string PythonStream::save() const {
  return alone([&] { return save_stream(config_, plan_, stream_ ? stream_->state() : plan_.start); });
}

void PythonStream::resume(const std::string& saved) {
  alone([&] {
    StreamPlan plan = resume_stream(config_, plan_, saved, raise_what_signals_say_under_way);
    stream_.reset();
    owner_ = 0;
    plan_ = std::move(plan);
  });
  warn();
}

std::vector<std::string> PythonStream::labels() const {
  return alone([&] { return plan_.manifest->labels(); });
}

uint64_t PythonStream::rows() const {
  return alone([&] { return plan_.order.entries; });
}

std::string PythonStream::report() const {
  return alone([&] {
    if (!stream_) return summary_json({}, 0);
    return summary_json(stream_->report(),
                        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count());
  });
}

}  // namespace atelier
