#!/usr/bin/env python3
"""Reference values of train/average_profile: exponents of lengths, and least-squares blends of kept averages.

Writes tests/train/reference/average_profiles.json. The exponent is the root of the cubic that numpy finds. A blend is
computed without the closed form of inner products: profiles are tabulated at Gauss-Legendre nodes between the
positions, so that sums over nodes are integrals, and numpy's least squares finds the coefficients in the space of
those that sum to 1. Needs numpy; run from the top of the repository.
"""
import json
import pathlib

import numpy

LENGTHS = [0.02, 0.05, 0.06, 0.08, 0.1, 0.15, 0.25]
BLENDS = [([400, 800, 1200, 1600], length) for length in (0.06, 0.08, 0.15)] + [
    ([1000, 1064, 2500, 2600, 5000, 9999], length) for length in (0.04, 0.08, 0.2)]


def exponent_of(length):
    """length^2 (g + 2)^2 (g + 3) = g + 1, multiplied out."""
    inverse = length ** -2
    roots = numpy.roots([1, 7, 16 - inverse, 12 - inverse])
    return max(root.real for root in roots if abs(root.imag) < 1e-9)


def profile(exponent, position, s):
    return numpy.where(s <= position, (exponent + 1) * s ** exponent / position ** (exponent + 1), 0)


def blend(positions, length):
    edges = [0.0] + positions
    nodes, weights = numpy.polynomial.legendre.leggauss(200)
    s = numpy.concatenate([(b - a) / 2 * nodes + (a + b) / 2 for a, b in zip(edges, edges[1:])])
    width = numpy.concatenate([(b - a) / 2 * weights for a, b in zip(edges, edges[1:])])
    kept = [(exponent_of(each), position) for position in positions for each in (0.05, 0.1)]
    columns = numpy.stack([profile(*one, s) for one in kept], 1) * numpy.sqrt(width)[:, None]
    wanted = profile(exponent_of(length), positions[-1], s) * numpy.sqrt(width)
    # The last coefficient is 1 less the others.
    others, *_ = numpy.linalg.lstsq(columns[:, :-1] - columns[:, -1:], wanted - columns[:, -1], rcond=None)
    coefficients = numpy.append(others, 1 - others.sum())
    error = numpy.linalg.norm(columns @ coefficients - wanted) / numpy.linalg.norm(wanted)
    return {"positions": positions, "length": length, "coefficients": coefficients.tolist(), "error": error}


reference = {"numpy": numpy.__version__,
             "exponents": [[length, exponent_of(length)] for length in LENGTHS],
             "blends": [blend(*each) for each in BLENDS]}
target = pathlib.Path("tests/train/reference/average_profiles.json")
target.write_text(json.dumps(reference) + "\n")
