#!/usr/bin/env python3
"""Makes tests/models/data/edm.json: the formulas of Karras et al. 2022 (Table 1, equation 5) in double precision.

    python scripts/reference/edm_reference.py
"""

import json
from pathlib import Path

import numpy as np

sigma_data, p_mean, p_std = 0.5, -1.2, 1.2
sigma = np.array([0.002, 0.05, 0.3, 0.5, 1.0, 7.0, 80.0])
z = np.array([-3.0, -1.0, 0.0, 0.5, 2.5])


def levels(n, low, high, rho):
    i = np.arange(n)
    return [*((high ** (1 / rho) + i / (n - 1) * (low ** (1 / rho) - high ** (1 / rho))) ** rho), 0.0]


reference = {
    "sigma": list(sigma),
    "c_skip": list(sigma_data ** 2 / (sigma ** 2 + sigma_data ** 2)),
    "c_out": list(sigma * sigma_data / np.sqrt(sigma_data ** 2 + sigma ** 2)),
    "c_in": list(1 / np.sqrt(sigma ** 2 + sigma_data ** 2)),
    "c_noise": list(np.log(sigma) / 4),
    "weight": list((sigma ** 2 + sigma_data ** 2) / (sigma * sigma_data) ** 2),
    "z": list(z),
    "noise_level": list(np.exp(p_mean + p_std * z)),
    "levels_18": levels(18, 0.002, 80, 7),
    "levels_5_rho_3": levels(5, 0.01, 10, 3),
}
path = Path(__file__).resolve().parents[2] / "tests/models/data/edm.json"
path.write_text(json.dumps(reference, indent=1) + "\n")
