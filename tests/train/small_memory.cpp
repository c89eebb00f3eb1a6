// Preloaded into a program, it makes every allocation of more bytes fail than the file SMALL_MEMORY of the environment
// says, once that is there: the memory of tensors, which LibTorch asks posix_memalign for.

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

extern "C" int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  using Allocate = int (*)(void**, size_t, size_t);
  static const auto real = reinterpret_cast<Allocate>(dlsym(RTLD_NEXT, "posix_memalign"));
  static const char* const path = std::getenv("SMALL_MEMORY");
  constexpr size_t kSmall = 1 << 16;  // no need to look at the file
  if (path && size > kSmall) {
    if (std::FILE* file = std::fopen(path, "re")) {
      size_t most = 0;
      const bool limited = std::fscanf(file, "%zu", &most) == 1 && size > most;
      std::fclose(file);
      if (limited) return ENOMEM;
    }
  }
  return real(memory, alignment, size);
}
