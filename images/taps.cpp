#include "images/taps.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace atelier {
namespace {

/// sin(pi x) / (pi x) for |x| <= 3, by the Taylor series around the nearest integer: libm differs between machines.
double sinc(double x) {
  constexpr double kInverseFactorials[] = {1.0 / 355687428096000,
                                           -1.0 / 1307674368000,
                                           1.0 / 6227020800,
                                           -1.0 / 39916800,
                                           1.0 / 362880,
                                           -1.0 / 5040,
                                           1.0 / 120,
                                           -1.0 / 6,
                                           1};  // of 17, 15, ..., 1
  if (x == 0) return 1;
  const int nearest = static_cast<int>(x < 0 ? x - 0.5 : x + 0.5);
  const double angle = std::numbers::pi * (x - nearest), square = angle * angle;
  double sum = 0;
  for (const double factor : kInverseFactorials) sum = sum * square + factor;
  return (nearest % 2 == 0 ? angle : -angle) * sum / (std::numbers::pi * x);
}

/// How far a filter reaches from its centre, in samples of the coarser side.
double reach(Filter filter) { return filter == Filter::kArea ? 0.5 : filter == Filter::kBilinear ? 1 : 3; }

/// What the source sample [s, s + 1) counts for a target centred at `centre`; any scale, since the sum is divided out.
double weight(Filter filter, double s, double centre, double scale) {
  if (filter == Filter::kArea) {
    return std::max(0.0, std::min(s + 1, centre + scale / 2) - std::max(s, centre - scale / 2));
  }
  const double distance = std::abs(s + 0.5 - centre) / scale;
  if (filter == Filter::kBilinear) return std::max(0.0, 1 - distance);
  return distance < 3 ? sinc(distance) * sinc(distance / 3) : 0;
}

}  // namespace

Taps make_taps(int source, Stretch part, int targets, Filter filter) {
  const double step = (part.end - part.begin) / targets, scale = std::max(1.0, step);
  if (filter == Filter::kArea && step < 1) filter = Filter::kBilinear;  // each target lies inside a source sample
  const int low = static_cast<int>(std::floor(part.begin));
  const int high = std::min(source, static_cast<int>(std::ceil(part.end)));
  // An area counts every sample that it touches, the others those whose centre they reach.
  const double support = reach(filter) * scale;
  const int most = static_cast<int>(std::ceil(2 * support)) + (filter == Filter::kArea ? 1 : 0);

  Taps taps;
  taps.count = std::min(high - low, most);
  taps.first.reserve(static_cast<size_t>(targets));
  taps.weights.reserve(static_cast<size_t>(targets) * static_cast<size_t>(taps.count));
  std::vector<double> shares(static_cast<size_t>(taps.count));
  for (int t = 0; t < targets; ++t) {
    const double centre = part.begin + (t + 0.5) * step;
    const double lowest = filter == Filter::kArea ? std::floor(centre - support) : std::ceil(centre - support - 0.5);
    const int first = std::clamp(static_cast<int>(lowest), low, high - taps.count);
    double total = 0;
    for (int k = 0; k < taps.count; ++k)
      total += shares[static_cast<size_t>(k)] = weight(filter, first + k, centre, scale);
    const double one = Taps::kOne / total;
    double sum = 0.5;  // rounds
    int given = 0;     // rounding the running sum instead of each weight keeps the total exact
    for (const double share : shares) {
      sum += share * one;
      const int rounded = static_cast<int>(sum);
      taps.weights.push_back(static_cast<int16_t>(rounded - given));
      given = rounded;
    }
    taps.first.push_back(first);
  }
  return taps;
}

void mirror(Taps& taps) {
  std::reverse(taps.first.begin(), taps.first.end());
  std::reverse(taps.weights.begin(), taps.weights.end());  // turns the taps of each target round as well,
  for (auto weights = taps.weights.begin(); weights != taps.weights.end(); weights += taps.count)
    std::reverse(weights, weights + taps.count);  // so back again
}

}  // namespace atelier
