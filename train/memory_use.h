#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <torch/types.h>

namespace atelier {

/// Of one memory, bytes.
struct MemoryUse {
  std::string where;  ///< "the machine", "cuda:0"
  uint64_t peak = 0;  ///< the most that this process has had of it so far
  uint64_t all = 0;   ///< that it may have; 0: nobody says
};

/// The machine's: what this process had in it at once, and what the machine has or its control group allows.
MemoryUse memory_of_machine();

/// A GPU's: what LibTorch's allocator has taken of it.
MemoryUse memory_of(torch::Device device);

/// The least that the control groups of a process allow it, bytes; UINT64_MAX: no limit that can be read.
///   groups  its /proc/PID/cgroup (cgroups(7)), versions 1 and 2; the groups above its own bind it as well
///   top     where they are mounted
uint64_t limit_of_groups(const std::string& groups, const std::filesystem::path& top = "/sys/fs/cgroup");

/// While it lives, a process that computes on a CPU is refused memory that the machine does not have: an allocation
/// fails, where the kernel would give it and end the process once it is used. A GPU refuses by itself. For all threads;
/// one at a time.
class MemoryBound {
 public:
  explicit MemoryBound(torch::Device device);
  ~MemoryBound();
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;

 private:
  rlimit before_{};
  bool set_ = false;
};

}  // namespace atelier
