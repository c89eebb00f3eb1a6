#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "images/transform.h"

/// What a bad camera does to a picture: noise, then defocus, then a shaking hand, then motion.
namespace atelier {

/// How often each happens, 0 to 1; independent of each other.
struct DegradationChances {
  double noise = 0, blur = 0, shake = 0, motion = 0;
};

/// What happens to one sample. Lengths are shares of the side of a square with as many pixels, so that it
/// looks the same at any size.
struct Degradation {
  using Path = std::vector<std::pair<float, float>>;  ///< points, x and y, where the camera is for equal times

  float noise = 0;   ///< standard deviation of each value, in levels (0..255)
  float blur = 0;    ///< standard deviation of a Gaussian
  Path shake = {};   ///< of the hand: a random walk about its centre of mass
  Path motion = {};  ///< of the subject: a straight line about its middle
  bool is_none() const { return noise == 0 && blur == 0 && shake.empty() && motion.empty(); }
};

/// A pure function of (seed, position). Noise of 2 to 15 levels, blur of 0.3 to 1.5 % of the side, a walk of up to 2 %
/// from its centre, a line of 1 to 5 %; uniform between these.
Degradation draw_degradation(uint64_t seed, uint64_t position, const DegradationChances& chances);

/// Degrades `planes` (uint8 [3, height, width]) in place: in float32 throughout, rounded and clipped once at the end.
/// Beyond its edges the picture goes on as at them. The noise is that of (seed, position). Any number of threads.
void degrade(std::span<uint8_t> planes, Size size, const Degradation& degradation, uint64_t seed, uint64_t position);

}  // namespace atelier
