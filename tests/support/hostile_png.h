#pragma once

#include <cstdint>
#include <string>

/// What a good PNG can be made into.
namespace atelier::test {

/// CRC-32 of a PNG's chunk (ISO 3309), big-endian.
inline std::string checksum(const std::string& bytes) {
  uint32_t sum = ~0U;
  for (const char byte : bytes) {
    sum ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
  }
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(~sum >> shift);
  return text;
}

/// The picture with a header, IHDR, that says 70,000 x 70,000 pixels.
inline std::string huge(std::string png) {
  const std::string side("\x00\x01\x11\x70", 4);
  png.replace(16, 8, side + side);
  return png.replace(29, 4, checksum(png.substr(12, 17)));
}

/// Damage that only the checksum of a chunk tells.
inline std::string flip_a_bit(std::string png) {
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 1);
  return png;
}

}  // namespace atelier::test
