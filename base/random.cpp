#include "base/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace atelier {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;  // Salmon et al. 2011, table 2
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

// Blocks are drawn in strips, so that the compiler turns each loop below into vector instructions.
constexpr size_t kStrip = 64;
struct Strip {
  uint32_t word[4][kStrip];
};

std::array<uint32_t, 2> key_of(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

// The purpose's word also carries the stream (24 bits) or the high bits of an element: purposes stay below 256.
uint32_t purpose_word(Purpose purpose, uint32_t stream) { return static_cast<uint32_t>(purpose) | stream << 8; }

// Word w of block b is that of philox({block, purpose, position}, seed).
void draw_strip(Strip& strip, uint32_t first_block, uint64_t seed, uint64_t position, Purpose purpose,
                uint32_t stream) {
  const auto key = key_of(seed);
  auto& w = strip.word;
  for (size_t i = 0; i < kStrip; ++i) {
    w[0][i] = first_block + static_cast<uint32_t>(i);
    w[1][i] = purpose_word(purpose, stream);
    w[2][i] = static_cast<uint32_t>(position);
    w[3][i] = static_cast<uint32_t>(position >> 32);
  }
  for (int round = 0; round < kRounds; ++round) {
    const uint32_t key0 = key[0] + kWeyl0 * static_cast<uint32_t>(round);
    const uint32_t key1 = key[1] + kWeyl1 * static_cast<uint32_t>(round);
    for (size_t i = 0; i < kStrip; ++i) {
      const uint64_t product0 = uint64_t{kMultiplier0} * w[0][i];
      const uint64_t product1 = uint64_t{kMultiplier1} * w[2][i];
      w[0][i] = static_cast<uint32_t>(product1 >> 32) ^ w[1][i] ^ key0;
      w[2][i] = static_cast<uint32_t>(product0 >> 32) ^ w[3][i] ^ key1;
      w[1][i] = static_cast<uint32_t>(product1);
      w[3][i] = static_cast<uint32_t>(product0);
    }
  }
}

// 24 bits, in [0, 1).
float unit(uint32_t bits) { return static_cast<float>(static_cast<int32_t>(bits >> 8)) * 0x1p-24F; }

// Natural logarithm of x in (0, 1], to 2 units in the last place: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), then
// log m = 2 artanh(s), s = (m - 1) / (m + 1), by its odd Taylor series (|s| < 0.172, next term below 2^-28).
float log_unit(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  const int32_t exponent = (bits - 0x3F3504F3) >> 23;
  const float m = std::bit_cast<float>(bits - exponent * (1 << 23));
  const float s = (m - 1.0F) / (m + 1.0F);
  const float z = s * s;
  const float series = s * (2.0F + z * (2.0F / 3 + z * (2.0F / 5 + z * (2.0F / 7 + z * (2.0F / 9)))));
  return static_cast<float>(exponent) * std::numbers::ln2_v<float> + series;
}

struct SineCosine {
  float sine, cosine;
};

// sin and cos of 2 pi u for u in [0, 1): the nearest quarter turn is taken out exactly, Taylor series on the rest
// (|angle| <= pi / 4, next terms below 2^-25).
SineCosine turn(float u) {
  const auto quarter = static_cast<int32_t>(u * 4.0F + 0.5F);
  const float angle = (u - static_cast<float>(quarter) * 0.25F) * (2.0F * std::numbers::pi_v<float>);
  const float z = angle * angle;
  const float s = angle * (1.0F + z * (-1.0F / 6 + z * (1.0F / 120 + z * (-1.0F / 5040 + z * (1.0F / 362880)))));
  const float c = 1.0F + z * (-0.5F + z * (1.0F / 24 + z * (-1.0F / 720 + z * (1.0F / 40320))));
  const bool swapped = (quarter & 1) != 0;
  const float sine = swapped ? c : s;
  const float cosine = swapped ? s : c;
  return {(quarter & 2) != 0 ? -sine : sine, ((quarter + 1) & 2) != 0 ? -cosine : cosine};
}

struct Pair {
  float first, second;
};

// Two normal numbers of two words: Box and Muller 1958. The radius takes 1 - u, which is never 0.
Pair normal_pair(uint32_t radius_bits, uint32_t angle_bits) {
  const float radius = std::sqrt(-2.0F * log_unit(1.0F - unit(radius_bits)));
  const SineCosine direction = turn(unit(angle_bits));
  return {radius * direction.cosine, radius * direction.sine};
}

// Calls write(strip, number) for as many strips of 4 * kStrip numbers as `count` needs.
template <class Write>
void for_each_strip(size_t count, uint64_t seed, uint64_t position, Purpose purpose, uint32_t stream, Write write) {
  Strip strip;
  for (size_t done = 0; done < count; done += 4 * kStrip) {
    draw_strip(strip, static_cast<uint32_t>(done / 4), seed, position, purpose, stream);
    write(strip, done);
  }
}

// Copies a strip of results to `out` at `done`: number 4 b + w comes from word w of block b.
void store(const float (&values)[4][kStrip], std::span<float> out, size_t done) {
  const size_t count = std::min(out.size() - done, 4 * kStrip);
  float ordered[4 * kStrip];
  for (size_t block = 0; block < kStrip; ++block)
    for (size_t word = 0; word < 4; ++word) ordered[block * 4 + word] = values[word][block];
  std::copy_n(ordered, count, out.data() + done);
}

}  // namespace

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

uint64_t random_bits(uint64_t seed, uint64_t position, Purpose purpose, uint64_t element) {
  const uint64_t block = element / 2;
  const auto words = philox({static_cast<uint32_t>(block), purpose_word(purpose, static_cast<uint32_t>(block >> 32)),
                             static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32)},
                            key_of(seed));
  const size_t half = (element % 2) * 2;
  return uint64_t{words[half]} | uint64_t{words[half + 1]} << 32;
}

double random_uniform(uint64_t seed, uint64_t position, Purpose purpose, uint64_t element) {
  return static_cast<double>(random_bits(seed, position, purpose, element) >> 11) * 0x1p-53;
}

uint64_t random_below(uint64_t bound, uint64_t seed, uint64_t position, Purpose purpose, uint64_t element) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{random_bits(seed, position, purpose, element)} * bound >> 64);
}

double random_normal(uint64_t seed, uint64_t position, Purpose purpose, uint64_t element) {
  const uint64_t block = element / 4;
  const auto words = philox({static_cast<uint32_t>(block), purpose_word(purpose, 0), static_cast<uint32_t>(position),
                             static_cast<uint32_t>(position >> 32)},
                            key_of(seed));
  const size_t half = element % 4 / 2 * 2;
  const Pair pair = normal_pair(words[half], words[half + 1]);
  return element % 2 == 0 ? pair.first : pair.second;
}

void fill_uniform(std::span<float> out, uint64_t seed, uint64_t position, Purpose purpose, uint32_t stream) {
  for_each_strip(out.size(), seed, position, purpose, stream, [&](const Strip& strip, size_t done) {
    float values[4][kStrip];
    for (size_t word = 0; word < 4; ++word)
      for (size_t i = 0; i < kStrip; ++i) values[word][i] = unit(strip.word[word][i]);
    store(values, out, done);
  });
}

void fill_normal(std::span<float> out, uint64_t seed, uint64_t position, Purpose purpose, uint32_t stream) {
  for_each_strip(out.size(), seed, position, purpose, stream, [&](const Strip& strip, size_t done) {
    float values[4][kStrip];
    for (size_t word = 0; word < 4; word += 2) {
      for (size_t i = 0; i < kStrip; ++i) {
        const Pair pair = normal_pair(strip.word[word][i], strip.word[word + 1][i]);
        values[word][i] = pair.first;
        values[word + 1][i] = pair.second;
      }
    }
    store(values, out, done);
  });
}

}  // namespace atelier
