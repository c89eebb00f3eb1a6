#pragma once

#include <torch/types.h>
#include <vector>

#include "models/diffusion.h"

/// The mathematics of flow matching on straight paths: x_t = (1 - t) y + t n from a picture y at t = 0 to noise n at
/// t = 1, along which the network learns the velocity n - y (Lipman et al. 2023, "Flow matching for generative
/// modeling", section 4.1, example II with sigma_min = 0 and time turned round; Liu et al. 2023, "Flow straight and
/// fast", rectified flow). Free functions of float32 tensors; t is [N].
///
/// With v the network's answer, D = x - t v is the picture that x most likely was, |D - y|^2 = t^2 |v - (n - y)|^2, and
/// dx/dt = v = (x - D) / t, the ODE that sampler.h solves. So EDM and flow matching are trained and sampled by the same
/// code (formulation.h).
namespace atelier {

/// Times to train on: 1 / (1 + exp(-z)) for z standard normal, the logit-normal distribution of location 0 and scale 1.
/// Esser et al. 2024, "Scaling rectified flow transformers for high-resolution image synthesis", equation 19.
torch::Tensor flow_time(const torch::Tensor& z);

/// D = x - t v: c_skip = 1, c_out = -t, c_in = 1. c_noise = 2 t - 1 has the range of EDM's.
Preconditioning flow_preconditioning(const torch::Tensor& t);

/// The weight that makes the square error of D that of the velocity: 1 / t^2.
torch::Tensor flow_weight(const torch::Tensor& t);

/// From `top` down to 0 in equal steps: steps + 1 numbers. Throws std::invalid_argument when steps < 1.
std::vector<double> flow_times(int steps, double top = 1);

}  // namespace atelier
