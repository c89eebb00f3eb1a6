#pragma once

#include <cstdint>
#include <torch/types.h>

/// How far generated pictures are from real ones, judged by features of both: numbers [N, D] and [M, D] that some
/// network makes of each picture. Pure functions; computed in float64 on the CPU. At least two pictures on each side.
namespace atelier {

/// The Frechet distance between the normal distributions with the means and covariances (divided by N - 1) of both
/// (Heusel et al. 2017, "FID", equation 6):
///
///   |mu_r - mu_g|^2 + tr(C_r + C_g - 2 (C_r C_g)^(1/2))
///
/// Few samples make it larger: compare only with the same numbers of pictures, best more than D.
double frechet_distance(const torch::Tensor& real, const torch::Tensor& generated);

/// The squared maximum mean discrepancy under the kernel (x y / D + 1)^3, unbiased (Binkowski et al. 2018, "KID",
/// equation 4, over all pairs at once): near 0 for the same distribution, and below it by chance. Does not depend on
/// how many pictures there are, but for its scatter.
double kernel_distance(const torch::Tensor& real, const torch::Tensor& generated);

/// Of the generated ones, the share that looks real; of the real ones, the share that is covered (Kynkaanniemi et al.
/// 2019, "Improved precision and recall metric", equations 1 and 2): that lie within the distance of some picture of
/// the other side to its `neighbours`-th nearest one of its own side.
struct PrecisionRecall {
  double precision = 0, recall = 0;
};
PrecisionRecall precision_and_recall(const torch::Tensor& real, const torch::Tensor& generated, int64_t neighbours = 3);

}  // namespace atelier
