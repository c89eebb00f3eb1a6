#pragma once

#include <array>
#include <cstdint>
#include <span>

/// Random numbers that follow from what they are for, not from who asked first.
///
/// Every draw is a pure function of (seed, position, purpose, element): Philox4x32-10 (Salmon et al. 2011, "Parallel
/// random numbers: as easy as 1, 2, 3") keyed by the seed, counting in the other three. There is no generator object
/// and no state, so any thread may draw anything in any order. The bits are the same on every machine: polynomials
/// instead of libm, no fused multiply-add. `kStreamVersion` names this behaviour; golden vectors in the tests pin it.
namespace atelier {

inline constexpr int kStreamVersion = 1;

/// The largest seed: JSON readers round integers above it.
inline constexpr uint64_t kMaxSeed = (uint64_t{1} << 53) - 1;

/// What a draw is for, so that a flip never correlates with the noise. Values are part of the stream version: append.
enum class Purpose : uint32_t {
  kOrder = 1,         ///< the permutation of a pass
  kSubstitute = 2,    ///< the entry that stands in for one that cannot be had; element = attempt
  kFlip = 3,          ///< mirror an image or not
  kBrightness = 4,    ///< brightness factor of an image
  kNoise = 5,         ///< Gaussian noise of a training sample or of a generation's start
  kNoiseLevel = 6,    ///< sigma or time of a training sample
  kDropout = 7,       ///< activations; stream = number of the dropout layer
  kLabelDropout = 8,  ///< train without the label (classifier-free guidance)
  kWeights = 9,       ///< initial weights; position = number of the parameter
  kPalette = 10,      ///< reservoir of colours seen for a label, and the choice from it
  kVariation = 11,    ///< seeds of the second and later variations of a request
  kHeldOut = 12,      ///< which groups are held out of training
  kRetry = 13,        ///< jitter of a back-off; moves no sample
  kCrop = 14,         ///< which part of an image is kept
  kStratum = 15,      ///< seeds of the orders of strata after the first, and of lists that took another's place
  kDegrade = 16,      ///< which degradations a sample gets, and how strong
  kGrain = 17,        ///< noise of a degraded sample, a normal number a value
  /// train without the condition
  kConditionDropout = 18,
};

/// Philox4x32-10: 128 random bits of a 128-bit counter under a 64-bit key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// 64 random bits. Element below 2^40 (it selects half of a Philox block).
uint64_t random_bits(uint64_t seed, uint64_t position, Purpose purpose, uint64_t element = 0);

/// Uniform in [0, 1) with 53 bits.
double random_uniform(uint64_t seed, uint64_t position, Purpose purpose, uint64_t element = 0);

/// Uniform integer in [0, bound) by multiplication (bias below bound / 2^64). Needs bound > 0.
uint64_t random_below(uint64_t bound, uint64_t seed, uint64_t position, Purpose purpose, uint64_t element = 0);

/// One standard normal number: element `element` of what fill_normal would write.
double random_normal(uint64_t seed, uint64_t position, Purpose purpose, uint64_t element = 0);

/// Fills `out` with uniform numbers in [0, 1), 24 bits each: element i of the sequence named by the first four
/// arguments. `stream` (below 2^24) tells several sequences of one purpose apart, such as dropout layers.
void fill_uniform(std::span<float> out, uint64_t seed, uint64_t position, Purpose purpose, uint32_t stream = 0);

/// Fills `out` with standard normal numbers (Box-Muller in float32), element i as above. A few nanoseconds each.
void fill_normal(std::span<float> out, uint64_t seed, uint64_t position, Purpose purpose, uint32_t stream = 0);

}  // namespace atelier
