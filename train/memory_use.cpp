#include "train/memory_use.h"

#include <ATen/DeviceAccelerator.h>
#include <algorithm>
#include <fstream>
#include <unistd.h>

namespace atelier {
namespace {

/// VmHWM of proc_pid_status(5).
uint64_t peak_of_process() {
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name; status.ignore(1'000, '\n')) {
    uint64_t kibibytes = 0;
    if (name == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

/// What the control group of a container allows, version 2 or 1; 0: no limit that can be read.
uint64_t limit_of_group() {
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    uint64_t bytes = 0;
    if (std::ifstream(file) >> bytes) return bytes;
  }
  return 0;
}

}  // namespace

MemoryUse memory_of_machine() {
  const auto physical = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t limit = limit_of_group();
  return {.where = "the machine", .peak = peak_of_process(), .all = limit > 0 ? std::min(limit, physical) : physical};
}

MemoryUse memory_of(torch::Device device) {
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  const auto aggregate = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto taken = at::accelerator::getDeviceStats(index).reserved_bytes.at(aggregate).peak;
  return {.where = device.str(),
          .peak = static_cast<uint64_t>(taken),
          .all = static_cast<uint64_t>(at::accelerator::getMemoryInfo(index).second)};
}

}  // namespace atelier
