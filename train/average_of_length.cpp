#include "train/average_of_length.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "train/average.h"

namespace atelier {
namespace {

std::vector<Profile> profiles_of(const std::vector<KeptAverage>& kept) {
  std::vector<Profile> profiles;
  for (const KeptAverage& average : kept) profiles.push_back(average.profile());
  return profiles;
}

Blend nearest(const std::vector<KeptAverage>& kept, double length) {
  return blend(profiles_of(kept), {static_cast<double>(kept.back().position), exponent_of_length(length)});
}

/// "0.02 to 0.26": what can be made of `kept`, looked for from the lengths that they have themselves.
std::string lengths_within_reach(const std::vector<KeptAverage>& kept) {
  constexpr double kStep = 0.01;
  const auto reach = [&](double from, double step) {
    while (from + step > kStep / 2 && from + step < kLongestLength &&
           nearest(kept, from + step).error <= kLargestBlendError)
      from += step;
    return from;
  };
  return fmt::format("{:.2f} to {:.2f}", reach(kShortLength, -kStep), reach(kLongLength, kStep));
}

void check_fits(const KeptAverage& average, const WeightsFile& file, const WeightsFile& last) {
  for (const auto& [name, tensor] : last.tensors) {
    const auto same = file.tensors.find(name);
    if (same == file.tensors.end() || same->second.sizes() != tensor.sizes())
      throw std::invalid_argument(fmt::format(
          "{} holds averages of another network: it has no {} as the last snapshot has", average.file.string(), name));
  }
}

}  // namespace

std::vector<KeptAverage> kept_until(const std::vector<KeptAverage>& kept, uint64_t position) {
  std::vector<KeptAverage> until;
  for (const KeptAverage& average : kept)
    if (average.position <= position) until.push_back(average);
  if (until.empty() || until.front().position == until.back().position)
    throw std::invalid_argument(fmt::format(
        "up to position {} fewer than two snapshots of the averages were kept, and one alone makes no other length",
        position));
  if (until.back().position != position)
    throw std::invalid_argument(
        fmt::format("no snapshot of the averages was kept at position {}; the last one before it is at {}", position,
                    until.back().position));
  return until;
}

Blend blend_to_length(const std::vector<KeptAverage>& kept, double length) {
  Blend blend = nearest(kept, length);
  if (!(blend.error <= kLargestBlendError))  // nor when it is no number
    throw std::invalid_argument(fmt::format(
        "the averages kept up to position {} make no average of length {}: its profile would be off by {:.0f}%; "
        "lengths "
        "from {} are within {:.0f}%",
        kept.back().position, length, 100 * blend.error, lengths_within_reach(kept), 100 * kLargestBlendError));
  return blend;
}

WeightsFile blend_files(const std::vector<KeptAverage>& kept, const Blend& blend, double length,
                        const std::function<void(double share)>& progress) {
  WeightsFile sum = load_weights(kept.back().file);
  for (auto& [name, tensor] : sum.tensors)
    if (tensor.is_floating_point()) tensor = tensor.to(torch::kFloat64) * blend.coefficients.back();
  for (size_t i = 0; i + 1 < kept.size(); ++i) {
    progress(static_cast<double>(i) / static_cast<double>(kept.size()));
    const WeightsFile file = load_weights(kept[i].file);
    check_fits(kept[i], file, sum);
    for (auto& [name, tensor] : sum.tensors)
      if (tensor.is_floating_point()) tensor.add_(file.tensors.at(name), blend.coefficients[i]);
  }
  for (auto& [name, tensor] : sum.tensors)
    if (tensor.is_floating_point()) tensor = tensor.to(torch::kFloat32);
  sum.metadata["atelier.length"] = fmt::format("{}", length);
  return sum;
}

}  // namespace atelier
