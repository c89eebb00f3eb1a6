#include "train/freed_memory.h"

#include <limits>
#include <malloc.h>

namespace atelier {

void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc takes
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace atelier
