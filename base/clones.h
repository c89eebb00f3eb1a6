#pragma once

/// ATELIER_CLONES("avx2", ...) before a function compiles it for these instructions and once for every processor; the
/// program takes what it finds. (The choice is made before a sanitizer is ready for it.) What such a function calls
/// must be ATELIER_INLINE.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ATELIER_CLONES(...) [[gnu::target_clones("default", __VA_ARGS__)]]
#else
#define ATELIER_CLONES(...)
#endif
#define ATELIER_INLINE [[gnu::always_inline]] inline
