#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace atelier {

/// What a picture looks like in 256 bits: those of two files of one picture differ in few places, whatever their size,
/// quality or brightness. The lowest 16 x 16 frequencies of its grey values, each above or below their median: the hash
/// by discrete cosine transform of Zauner 2010 ("Implementation and Benchmarking of Perceptual Image Hash Functions",
/// section 3.2.1), of as many bits as Facebook's PDQ (2019) has.
struct Fingerprint {
  static constexpr int kSide = 64;  ///< pixels of the square that it is taken from
  static constexpr int kBits = 256;

  std::array<uint16_t, kBits / 16> words{};
  bool operator==(const Fingerprint&) const = default;
};

/// Of a picture stretched to kSide x kSide; nothing: it is too plain or regular (one colour, stripes), and noise would
/// decide what it is like.
///   planes   3 * kSide * kSide bytes: red, green, blue
///   threads  any number at once; the same bits on every machine
std::optional<Fingerprint> fingerprint(std::span<const uint8_t> planes);

/// The places in which two differ, 0 to kBits.
int distance(const Fingerprint& a, const Fingerprint& b);

}  // namespace atelier
