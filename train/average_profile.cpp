#include "train/average_profile.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <stdexcept>
#include <torch/types.h>

namespace atelier {

double exponent_of_length(double length) {
  if (!(length > 0 && length <= kLongestLength))
    throw std::invalid_argument(
        fmt::format("the length of an average is above 0 and at most {}, not {}", kLongestLength, length));
  // The only root from 0 on of the cubic (g + 2)^2 (g + 3) - s (g + 1), which is convex there and above 0 at sqrt(s):
  // from there Newton's method comes down to it without ever stepping over, until it rounds.
  const double s = 1 / (length * length);
  for (double g = std::sqrt(s);;) {
    const double value = (g + 2) * (g + 2) * (g + 3) - s * (g + 1);
    const double slope = (g + 2) * (3 * g + 8) - s;
    const double next = g - value / slope;
    if (!(next < g)) return g;
    g = next;
  }
}

double inner_product(const Profile& a, const Profile& b) {
  const auto& [early, late] =
      std::minmax(a, b, [](const Profile& x, const Profile& y) { return x.position < y.position; });
  return (a.exponent + 1) * (b.exponent + 1) / ((a.exponent + b.exponent + 1) * late.position) *
         std::pow(early.position / late.position, late.exponent);
}

Blend blend(const std::vector<Profile>& kept, const Profile& wanted) {
  const auto count = static_cast<int64_t>(kept.size());
  torch::Tensor products = torch::empty({count, count}, torch::kFloat64);  // A
  torch::Tensor targets = torch::empty({count}, torch::kFloat64);          // b
  for (int64_t i = 0; i < count; ++i) {
    const Profile& one = kept[static_cast<size_t>(i)];
    targets[i] = inner_product(one, wanted);
    for (int64_t j = 0; j < count; ++j) products[i][j] = inner_product(one, kept[static_cast<size_t>(j)]);
  }
  // The gradient A x - b is m in every component (Lagrange's multiplier of sum x = 1): x = A^-1 b + m A^-1 1.
  const torch::Tensor both = torch::stack({targets, torch::ones_like(targets)}, 1);
  const torch::Tensor solved = torch::linalg_solve(products, both, /*left=*/true);
  const torch::Tensor free = solved.select(1, 0), shift = solved.select(1, 1);
  const torch::Tensor x = free + shift * ((1 - free.sum()) / shift.sum());

  const double size = inner_product(wanted, wanted);
  const double off = size - 2 * x.dot(targets).item<double>() + x.dot(products.mv(x)).item<double>();
  const double* values = x.contiguous().const_data_ptr<double>();
  return {{values, values + count}, std::sqrt(std::max(off, 0.0) / size)};
}

}  // namespace atelier
