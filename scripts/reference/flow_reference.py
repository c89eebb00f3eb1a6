#!/usr/bin/env python3
"""Makes tests/models/data/flow.json: flow matching on straight paths (Lipman et al. 2023; Liu et al. 2023), logit-normal
times (Esser et al. 2024, equation 19) and min-SNR weights (Hang et al. 2023) in double precision. Needs numpy and scipy.

    python scripts/reference/flow_reference.py
"""

import json
from pathlib import Path

import numpy as np
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.stats import norm

SIGMA_DATA = 0.5


def density(t, location=0.0, scale=1.0):
    """Esser et al. 2024, equation 19."""
    logit = np.log(t / (1 - t))
    return np.exp(-((logit - location) ** 2) / (2 * scale ** 2)) / (scale * np.sqrt(2 * np.pi) * t * (1 - t))


def quantile(share):
    return brentq(lambda t: quad(density, 0, t, epsabs=1e-13, epsrel=1e-12)[0] - share, 1e-6, 1 - 1e-6, xtol=1e-14)


def velocity_of_network(x, t):
    """A fixed linear network, as the C++ test has it: a x + b t + c."""
    return -0.7 * x + 0.4 * t + 0.1


def losses():
    """The conditional flow matching loss of each sample: the mean of (v(x_t, t) - (n - x_0))^2."""
    x0 = np.linspace(-1, 1, 2 * 12).reshape(2, 12)
    noise = norm.ppf((np.arange(24) * 7 % 24 + 0.5) / 24).reshape(2, 12)
    t = np.array([0.2, 0.85])
    xt = (1 - t[:, None]) * x0 + t[:, None] * noise
    loss = ((velocity_of_network(xt, t[:, None]) - (noise - x0)) ** 2).mean(1)
    return {"x0": x0.ravel(), "noise": noise.ravel(), "loss_t": t, "loss": loss}


def gaussian_velocity(t, x, mean=0.3, deviation=0.5):
    """E[n - x_0 | x_t = x] of pixels that are normal, from the joint Gaussian of n - x_0 and x_t."""
    variance = (1 - t) ** 2 * deviation ** 2 + t ** 2
    covariance = t - (1 - t) * deviation ** 2
    return -mean + covariance / variance * (x - (1 - t) * mean)


def path(start, begin, end):
    return solve_ivp(gaussian_velocity, (begin, end), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]


def min_snr(signal, noise, gamma):
    """Of the square error of x_0: the paper's weight, for pictures of deviation SIGMA_DATA instead of 1."""
    ratio = (signal * SIGMA_DATA) ** 2 / noise ** 2
    return np.minimum(ratio, gamma) / SIGMA_DATA ** 2


sigma = np.array([0.002, 0.05, 0.2, 0.3, 0.5, 1.0, 7.0, 80.0])
t = np.array([0.01, 0.1, 0.25, 0.5, 0.9, 0.99])
start = np.linspace(-2, 2, 12)
shares = [1 / 8, 3 / 8, 5 / 8, 7 / 8]
reference = {
    "quantiles": [quantile(share) for share in shares],
    **losses(),
    "start": start,
    "end": path(start, 1, 0),
    "edit_end": path(start, 0.4, 0),
    "sigma": sigma,
    "min_snr_5_sigma": min_snr(1, sigma, 5),
    "t": t,
    "min_snr_5_t": min_snr(1 - t, t, 5),
    "min_snr_1_t": min_snr(1 - t, t, 1),
}
target = Path(__file__).resolve().parents[2] / "tests/models/data/flow.json"
target.write_text(json.dumps({name: list(values) for name, values in reference.items()}, indent=1) + "\n")
