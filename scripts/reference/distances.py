#!/usr/bin/env python3
"""Reference values of train/distances: FID, KID, precision and recall of features known in closed form.

Writes tests/train/reference/distances.json. Feature j of picture i is sin(a i^2 + b j + c i j) times a scale. FID takes
scipy's matrix root, the others are written out as sums over pairs. Needs numpy and scipy; run from the top of the
repository.
"""
import json
import pathlib

import numpy
import scipy.linalg

NEIGHBOURS = 3
CASES = [  # pictures, features, a, b, c, scale, of either side
    {"real": [40, 6, 0.7, 1.3, 0.11, 1.0], "generated": [50, 6, 0.9, 1.1, 0.13, 1.2]},
    {"real": [30, 6, 0.7, 1.3, 0.11, 1.0], "generated": [30, 6, 0.7, 1.3, 0.11, 1.0]},
    {"real": [12, 20, 0.7, 1.3, 0.11, 1.0], "generated": [9, 20, 0.4, 1.7, 0.23, 0.5]},  # fewer pictures than features
    {"real": [1500, 4, 0.7, 1.3, 0.11, 1.0], "generated": [1200, 4, 0.31, 1.3, 0.11, 0.9]},
]


def features(count, width, a, b, c, scale):
    i, j = numpy.arange(count)[:, None], numpy.arange(width)[None, :]
    return scale * numpy.sin(a * i ** 2 + b * j + c * i * j)


def frechet(x, y):
    root = scipy.linalg.sqrtm(numpy.cov(x.T) @ numpy.cov(y.T)).real
    moved = ((x.mean(0) - y.mean(0)) ** 2).sum()
    return moved + numpy.trace(numpy.cov(x.T) + numpy.cov(y.T) - 2 * root)


def kernel(x, y):
    def between(a, b):
        return (a @ b.T / x.shape[1] + 1) ** 3
    same = [between(a, a)[~numpy.eye(len(a), dtype=bool)].mean() for a in (x, y)]
    return sum(same) - 2 * between(x, y).mean()


def share(x, y):
    """Of the rows of x, those within some row of y's distance to its third nearest other one."""
    own = numpy.sort(numpy.linalg.norm(y[:, None] - y[None], axis=2), axis=1)[:, NEIGHBOURS]
    return (numpy.linalg.norm(x[:, None] - y[None], axis=2) <= own[None]).any(1).mean()


results = []
for case in CASES:
    x, y = features(*case["real"]), features(*case["generated"])
    results.append(case | {"frechet": frechet(x, y), "kernel": kernel(x, y), "precision": share(y, x),
                           "recall": share(x, y)})
target = pathlib.Path("tests/train/reference/distances.json")
target.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
