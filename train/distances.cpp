#include "train/distances.h"

#include <algorithm>

namespace atelier {
namespace {

constexpr int64_t kRowsAtOnce = 1024;  // of a table of all pairs

torch::Tensor wide(const torch::Tensor& features) { return features.detach().to(torch::kCPU, torch::kFloat64); }

torch::Tensor covariance(const torch::Tensor& x) {
  const torch::Tensor centred = x - x.mean(0);
  return centred.t().mm(centred) / static_cast<double>(x.size(0) - 1);
}

/// The root of a symmetric matrix whose eigenvalues are not below 0, but for rounding.
torch::Tensor root_of(const torch::Tensor& matrix) {
  const auto [values, vectors] = torch::linalg_eigh(matrix);
  return (vectors * values.clamp_min(0).sqrt()).mm(vectors.t());
}

/// Calls take(begin, part) for every few rows of `x`, in order.
template <class Take>
void for_rows(const torch::Tensor& x, const Take& take) {
  for (int64_t begin = 0; begin < x.size(0); begin += kRowsAtOnce)
    take(begin, x.slice(0, begin, std::min(begin + kRowsAtOnce, x.size(0))));
}

/// The kernel's sum over all pairs of rows.
double kernel_sum(const torch::Tensor& x, const torch::Tensor& y) {
  double sum = 0;
  for_rows(x, [&](int64_t, const torch::Tensor& rows) {
    sum += (rows.mm(y.t()) / static_cast<double>(x.size(1)) + 1).pow(3).sum().item<double>();
  });
  return sum;
}

/// Its mean over the pairs of different rows.
double kernel_mean_without_itself(const torch::Tensor& x) {
  const auto count = static_cast<double>(x.size(0));
  const torch::Tensor with_itself = (x.square().sum(1) / static_cast<double>(x.size(1)) + 1).pow(3);
  return (kernel_sum(x, x) - with_itself.sum().item<double>()) / (count * (count - 1));
}

/// Distances of each row of `x` to each of `y`, exact also where they are small.
torch::Tensor distances(const torch::Tensor& x, const torch::Tensor& y) {
  return torch::cdist(x, y, 2, /*compute_mode=*/2);  // no matrix products, whose differences cancel
}

/// Of each row, the distance to its nearest other ones' `neighbours`-th.
torch::Tensor reach_of(const torch::Tensor& x, int64_t neighbours) {
  std::vector<torch::Tensor> reaches;
  for_rows(x, [&](int64_t, const torch::Tensor& rows) {  // the nearest of all is the row itself
    reaches.push_back(std::get<0>(distances(rows, x).kthvalue(std::min(neighbours + 1, x.size(0)), 1)));
  });
  return torch::cat(reaches);
}

/// The share of the rows of `x` that lie in reach of some row of `y`.
double share_in_reach(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& reach) {
  double count = 0;
  for_rows(x, [&](int64_t, const torch::Tensor& rows) {
    count += distances(rows, y).le(reach).any(1).sum().item<double>();
  });
  return count / static_cast<double>(x.size(0));
}

}  // namespace

double frechet_distance(const torch::Tensor& real, const torch::Tensor& generated) {
  const torch::Tensor x = wide(real), y = wide(generated);
  const torch::Tensor of_x = covariance(x), of_y = covariance(y);
  // (C_r C_g)^(1/2) has the trace of the symmetric (C_r^(1/2) C_g C_r^(1/2))^(1/2).
  const torch::Tensor root = root_of(of_x);
  const torch::Tensor eigenvalues = torch::linalg_eigvalsh(root.mm(of_y).mm(root));
  const double moved = (x.mean(0) - y.mean(0)).square().sum().item<double>();
  return moved + (of_x.trace() + of_y.trace() - 2 * eigenvalues.clamp_min(0).sqrt().sum()).item<double>();
}

double kernel_distance(const torch::Tensor& real, const torch::Tensor& generated) {
  const torch::Tensor x = wide(real), y = wide(generated);
  const double pairs = static_cast<double>(x.size(0)) * static_cast<double>(y.size(0));
  return kernel_mean_without_itself(x) + kernel_mean_without_itself(y) - 2 * kernel_sum(x, y) / pairs;
}

PrecisionRecall precision_and_recall(const torch::Tensor& real, const torch::Tensor& generated, int64_t neighbours) {
  const torch::Tensor x = wide(real), y = wide(generated);
  return {.precision = share_in_reach(y, x, reach_of(x, neighbours)),
          .recall = share_in_reach(x, y, reach_of(y, neighbours))};
}

}  // namespace atelier
