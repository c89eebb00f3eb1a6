#include "train/memory_use.h"

#include <ATen/DeviceAccelerator.h>
#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string_view>
#include <unistd.h>

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A line of proc(5) such as "VmHWM:  1234 kB" in `file`, in bytes; 0: there is none.
uint64_t kibibytes_in(const char* file, std::string_view name) {
  std::ifstream lines(file);
  for (std::string word; lines >> word; lines.ignore(1'000, '\n')) {
    uint64_t kibibytes = 0;
    if (word == name && lines >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}
uint64_t of_process(std::string_view name) { return kibibytes_in("/proc/self/status", name); }

/// The least number in `file` of `group` and the groups above it, up to `top`.
uint64_t least_limit(const fs::path& top, const std::string& group, const char* file) {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  const fs::path below = ("/" / fs::path(group)).lexically_normal().relative_path();
  for (fs::path folder = below.empty() ? top : top / below;; folder = folder.parent_path()) {
    uint64_t bytes = 0;  // "max" is no number
    if (std::ifstream(folder / file) >> bytes) least = std::min(least, bytes);
    if (folder == top || !folder.has_relative_path()) return least;
  }
}

}  // namespace

uint64_t limit_of_groups(const std::string& groups, const fs::path& top) {
  uint64_t least = std::numeric_limits<uint64_t>::max();
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const std::string group = line.substr(second + 1);
    if (controllers == ",,")  // "0::/jobs/7", version 2
      for (const fs::path& mount : {top, top / "unified"})
        least = std::min(least, least_limit(mount, group, "memory.max"));
    if (controllers.find(",memory,") != std::string::npos)  // "4:hugetlb,memory:/jobs/7", version 1
      least = std::min(least, least_limit(top / "memory", group, "memory.limit_in_bytes"));
  }
  return least;
}

MemoryUse memory_of_machine() {
  const auto physical = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream file("/proc/self/cgroup");
  const std::string groups{std::istreambuf_iterator<char>(file), {}};
  return {.where = "the machine", .peak = of_process("VmHWM:"), .all = std::min(limit_of_groups(groups), physical)};
}

MemoryBound::MemoryBound(torch::Device device) {
  if (!device.is_cpu()) return;
  const uint64_t all = memory_of_machine().all, own = std::min(of_process("VmRSS:"), all);
  const uint64_t available = kibibytes_in("/proc/meminfo", "MemAvailable:");
  const uint64_t more = available > 0 ? std::min(all - own, available) : all - own;
  if (getrlimit(RLIMIT_DATA, &before_) != 0) return;
  rlimit bound = before_;
  bound.rlim_cur = std::min<rlim_t>(before_.rlim_cur, of_process("VmData:") + more);
  set_ = setrlimit(RLIMIT_DATA, &bound) == 0;
}

MemoryBound::~MemoryBound() {
  if (set_) setrlimit(RLIMIT_DATA, &before_);
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
