#pragma once

#include <cstdint>
#include <string_view>

namespace atelier {

/// FNV-1a, 64 bits (Fowler, Noll, Vo): a number for a name, the same on every machine.
inline uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
  return hash;
}

}  // namespace atelier
