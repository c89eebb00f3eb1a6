#pragma once

#include <cstdint>
#include <vector>

/// Averages of weights over time as power functions (Karras et al. 2024, "Analyzing and improving the training dynamics
/// of diffusion models", section 3 and appendix C). In the average with exponent g at position t, the weights that a
/// run had at position s <= t weigh
///
///   p(s) = (g + 1) s^g / t^(g + 1)                                                        (its profile; integral 1)
///
/// so it always reaches back over the same share of the run. That share is its length: the standard deviation of p over
/// t. Because p keeps its shape, such averages at several positions add up to those of other lengths.
namespace atelier {

/// No shorter average than this is of use: it is the weights of one part in a thousand of the run.
inline constexpr double kShortestLength = 0.001;
/// Where an average of all weights alike is: no longer one can be made.
inline constexpr double kLongestLength = 0.2886;

/// g of a length in (0, kLongestLength]: length^2 (g + 2)^2 (g + 3) = g + 1. 0.05 gives 16.97, 0.10 gives 6.94. Throws
/// std::invalid_argument for a length that is not in there.
double exponent_of_length(double length);

struct Profile {
  double position;  ///< t > 0
  double exponent;  ///< g >= 0
};

/// The integral of the product of two profiles.
double inner_product(const Profile& a, const Profile& b);

/// How to add up kept averages to the wanted one.
struct Blend {
  std::vector<double> coefficients;  ///< parallel to `kept`; their sum is 1
  double error;                      ///< the size (L2) of what the profile is off by, over the wanted profile's
};

/// The sum of `kept` (at least one, all different) that is nearest to `wanted` by least squares. The paper leaves the
/// coefficients' sum free; here it is held at 1, so that weights that never move come out as they are.
Blend blend(const std::vector<Profile>& kept, const Profile& wanted);

}  // namespace atelier
